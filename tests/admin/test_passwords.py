"""user password: hashed on the operator's side, typed or piped in, never an argument."""

import base64
import hashlib
import os
import pty
import subprocess
import termios

import pytest

from support import BUILD, SHELLS, Admin, Connection
from test_secrets import PASSWORD, arguments, guarded, notes, watch  # noqa: F401

REEVECTL = BUILD / "reevectl"
CHEAP = ("scheme=pbkdf2-sha256", "parameters=i=1000")
PHC = "$scrypt$ln=14,r=8,p=5$AwoRGB8mLTQ7QklQV15lbA$AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dw"
USER = "reeve:user:{alice}"


@pytest.fixture
def admin(server, redis):
    assert REEVECTL.exists(), "no reevectl: build it, or set REEVE_TEST_BUILD"
    redis("HSET", USER, "state", "active", "roles", "reader")
    return Admin(server.url, REEVE_REEVECTL=str(REEVECTL))


def unbase64(text):
    return base64.b64decode(text + "=" * (-len(text) % 4))


def is_hash_of(phc, password):
    _, scheme, cost, salt, digest = phc.split("$")
    given = dict(item.split("=") for item in cost.split(","))
    salt, digest, password = unbase64(salt), unbase64(digest), password.encode()
    if scheme == "scrypt":
        n, r, p = 2 ** int(given["ln"]), int(given["r"]), int(given["p"])
        return digest == hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=2**29, dklen=32)
    return digest == hashlib.pbkdf2_hmac("sha256", password, salt, int(given["i"]))


def test_a_password_that_is_piped_in_is_stored_as_a_hash(admin, redis):
    assert admin("user", "password", "alice", stdin="s3cret: ü\n") == ""
    record = redis.hash(USER)
    assert record["password"].startswith("$scrypt$ln=14,r=8,p=5$")
    assert is_hash_of(record["password"], "s3cret: ü")
    assert (record["state"], record["roles"]) == ("active", "reader")


def test_another_cost_may_be_asked_for(admin, redis):
    admin("user", "password", "alice", *CHEAP, stdin="one")
    assert redis.hash(USER)["password"].startswith("$pbkdf2-sha256$i=1000$")
    assert is_hash_of(redis.hash(USER)["password"], "one")
    admin("user", "password", "alice", "parameters=ln=10,r=8,p=1", stdin="two")
    assert is_hash_of(redis.hash(USER)["password"], "two")


def test_a_password_is_removed(admin, redis):
    admin("user", "password", "alice", *CHEAP, stdin="one")
    assert admin("user", "password", "--remove", "alice") == ""
    assert redis.hash(USER) == {"state": "active", "roles": "reader"}


def test_a_hash_made_elsewhere_is_taken_as_it_is(admin, redis):
    admin("user", "password", "--hashed", "alice", stdin=PHC + "\n")
    assert redis.hash(USER)["password"] == PHC


@pytest.mark.parametrize("given", ["", "\n", "s3cret\n", "$scrypt$ln=30,r=8,p=1$AAAAAAAAAAA$AAAA\n"])
def test_what_is_no_hash_is_refused(admin, redis, given):
    said = admin.refuses("user", "password", "--hashed", "alice", stdin=given)
    assert said.startswith("user alice: ") and "s3cret" not in said
    assert "password" not in redis.hash(USER)


@pytest.mark.parametrize("given", ["", "\n", "rv_s3cret\n", "s3\tcret\n", "s3cret" * 100, "s3cret\0"])
def test_what_no_agent_would_take_is_refused(admin, redis, given):
    said = admin.refuses("user", "password", "alice", *CHEAP, stdin=given)
    assert said.startswith("user alice: reevectl: stdin: ") and "cret" not in said
    assert "password" not in redis.hash(USER)


def test_refusals(admin, redis):
    assert "no such user" in admin.refuses("user", "password", "bob", stdin="s3cret")
    assert "no such user" in admin.refuses("user", "password", "--remove", "bob")
    assert "no such field" in admin.refuses("user", "password", "alice", "hash=x", stdin="s3cret")
    assert "--parameters" in admin.refuses("user", "password", "alice", "parameters=i=1", stdin="x")
    assert "no such field" in admin.refuses("user", "set", "alice", "password=s3cret")
    admin.refuses("user", "password", "alice", "s3cret", status=2)
    admin.refuses("user", "password", "--remove", "alice", "x=y", status=2)
    assert "password" not in redis.hash(USER)


def test_without_reevectl_nothing_is_hashed(server, redis):
    redis("HSET", USER, "state", "active")
    said = Admin(server.url).refuses("user", "password", "alice", stdin="s3cret")
    assert "reevectl" in said and "password" not in redis.hash(USER)


# ---- the terminal ----


class Terminal:
    """The command at a terminal of its own."""

    def __init__(self, admin, *words):
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.slave = os.dup(slave)
        self.process = subprocess.Popen(
            [*admin.words, *words], env=admin.env, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        self.seen = b""

    def await_text(self, text):
        while text not in self.seen:
            self.seen += os.read(self.master, 4096)

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        status = self.process.wait(timeout=30)
        os.set_blocking(self.master, False)
        try:
            self.seen += os.read(self.master, 4096)
        except BlockingIOError:
            pass
        is_restored = termios.tcgetattr(self.slave) == self.before
        os.close(self.master)
        os.close(self.slave)
        return status, is_restored


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_a_password_is_typed_twice_and_never_shown(admin, redis, shell):
    admin.words = [*SHELLS[shell], *admin.words[-1:]]
    terminal = Terminal(admin, "user", "password", "alice", *CHEAP)
    terminal.await_text(b"Password: ")
    assert not terminal.echoes()
    terminal.type("s3cret \\ x\n")
    terminal.await_text(b"Again: ")
    terminal.type("s3cret \\ x\n")
    assert terminal.end() == (0, True)
    assert b"cret" not in terminal.seen
    assert is_hash_of(redis.hash(USER)["password"], "s3cret \\ x")


def test_two_that_differ_are_refused(admin, redis):
    terminal = Terminal(admin, "user", "password", "alice", *CHEAP)
    terminal.await_text(b"Password: ")
    terminal.type("s3cret\n")
    terminal.await_text(b"Again: ")
    terminal.type("s3cred\n")
    assert terminal.end() == (1, True)
    assert b"not the same" in terminal.seen and b"s3cre" not in terminal.seen
    assert "password" not in redis.hash(USER)


def test_the_terminal_shows_again_after_an_interrupt(admin, redis):
    terminal = Terminal(admin, "user", "password", "alice")
    terminal.await_text(b"Password: ")
    terminal.process.terminate()
    status, is_restored = terminal.end()
    assert status != 0 and is_restored
    assert "password" not in redis.hash(USER)


# ---- who could see it ----


def test_the_password_is_in_no_argument_no_environment_and_not_in_redis(guarded, notes):  # noqa: F811
    admin = Admin(f"redis://127.0.0.1:{guarded.port}/0", ["dash"], REDISCLI_AUTH=PASSWORD,
                  REEVE_REEVECTL=str(notes[0] / "reevectl"))  # fmt: skip
    admin.env["PATH"] = f"{notes[0]}:{admin.env['PATH']}"
    seen, thread = watch(guarded.path)
    admin("user", "add", "alice")
    admin("user", "password", "alice", *CHEAP, stdin="s3cretly\n")
    terminal = Terminal(admin, "user", "password", "alice", *CHEAP)
    terminal.await_text(b"Password: ")
    terminal.type("typedly\n")
    terminal.await_text(b"Again: ")
    terminal.type("typedly\n")
    assert terminal.end()[0] == 0
    other = Connection(guarded.path)
    other("AUTH", PASSWORD)
    other("ECHO", "that is all")
    thread.join(timeout=10)
    assert not thread.is_alive()

    called = arguments(notes[1])
    assert sum(line.startswith("reevectl password hash") for line in called) == 2
    assert not any("$pbkdf2" in line for line in called)
    noted, sent = notes[1].read_text(), b"".join(seen).decode()
    assert "cretly" not in noted and "typedly" not in noted
    assert "$pbkdf2-sha256$i=1000$" in sent
    assert "cretly" not in sent and "typedly" not in sent
