"""Key texts, peppers and the Redis password never stand in an argument list, and keys never leave
for Redis. Every program that reeve-admin may start is replaced by one that notes how it is called."""

import shutil
import threading

import pytest

from support import BUILD, SHELLS, Admin, Connection, Server, key_id

PASSWORD = "s3cret/of:redis@%"
QUOTED = "s3cret%2Fof%3Aredis%40%25"
TOOLS = (
    *("redis-cli", "awk", "cat", "cut", "find", "grep", "od", "openssl", "readlink", "sed"),
    *("sha1sum", "sha256sum", "sort", "tr", "printf", "head", "dd", "env", "test"),
)


@pytest.fixture
def guarded(tmp_path):
    started = Server(tmp_path, "--requirepass", PASSWORD)
    yield started
    started.stop()


@pytest.fixture
def notes(tmp_path):
    """A folder of programs that note how they are called; gives it and the notes."""
    folder = tmp_path / "spies"
    folder.mkdir()
    log = tmp_path / "notes"
    tools = {name: shutil.which(name) for name in TOOLS}
    tools["reevectl"] = str(BUILD / "reevectl")
    for name, real in tools.items():
        spy = folder / name
        spy.write_text(
            "#!/bin/bash\n"
            "{ flock 1\n"  # programs of a pipeline are called at once
            f"printf '%s' {name}; printf ' %s' \"$@\"; echo; export -p; }} >>{log}\n"
            f"exec {real} \"$@\"\n"
        )
        spy.chmod(0o755)
    return folder, log


def arguments(log):
    lines = log.read_text().splitlines()
    return [line for line in lines if line.split(" ")[0] in (*TOOLS, "reevectl")]


@pytest.fixture(params=["dash", "bash", "reevectl"])
def admin(request, guarded, notes, pepper_file):
    shell = SHELLS.get(request.param, ["dash"])
    maker = str(notes[0] / "reevectl") if request.param == "reevectl" else ""
    if maker:
        assert (BUILD / "reevectl").exists(), "no reevectl: build it, or set REEVE_TEST_BUILD"
    url = f"redis://:{QUOTED}@127.0.0.1:{guarded.port}/3"
    started = Admin(url, shell, REEVE_PEPPER_FILE=str(pepper_file), REEVE_REEVECTL=maker)
    started.env["PATH"] = f"{notes[0]}:{started.env['PATH']}"
    return started


def watch(path):
    """MONITOR, until the connection that said so is closed by QUIT of another."""
    monitor = Connection(path)
    monitor("AUTH", PASSWORD)
    monitor("MONITOR")
    seen = []

    def collect():
        while True:
            line = monitor.stream.readline()
            seen.append(line)
            if b"that is all" in line or not line:
                return

    thread = threading.Thread(target=collect)
    thread.start()
    return seen, thread


def test_no_secret_in_arguments_environment_or_redis(admin, guarded, notes):
    seen, thread = watch(guarded.path)
    admin("user", "add", "alice")
    key = admin("key", "issue", "alice", "expires=30d", "label=ci").strip()
    rotated = admin("key", "rotate", key_id(key), "overlap=1h").strip()
    admin("key", "list")
    admin("key", "show", key_id(key))
    admin("user", "delete", "--keys", "alice")
    Connection(guarded.path)("AUTH", PASSWORD)
    other = Connection(guarded.path)
    other("AUTH", PASSWORD)
    other("ECHO", "that is all")
    thread.join(timeout=10)
    assert not thread.is_alive()

    secret, second = key.split("_")[2], rotated.split("_")[2]
    called = arguments(notes[1])
    assert sum(line.startswith("redis-cli ") for line in called) >= 8
    if "reevectl" in admin.env["REEVE_REEVECTL"]:
        assert sum(line.startswith("reevectl key new --pepper-file") for line in called) == 2
    else:
        assert sum(line.startswith("sha256sum") for line in called) >= 2
    for line in called:
        for private in (secret, second, key, PASSWORD, QUOTED, "5a" * 16, "hmac-sha256:"):
            assert private not in line, line.split(" ")[0]
    noted = notes[1].read_text()
    assert secret not in noted and second not in noted and "5a" * 16 not in noted

    sent = b"".join(seen).decode()
    assert "hmac-sha256:p2:" in sent and key_id(key) in sent
    assert secret not in sent and second not in sent and "5a" * 16 not in sent


def test_the_spies_see_what_is_there(admin, notes):
    """The check above can fail: a name given as an argument is seen."""
    admin("user", "add", "visible-name")
    assert any("{visible-name}" in line for line in arguments(notes[1]))
