"""The same program under dash, busybox (with its own tools) and bash."""

import pytest

from support import FOLDER, PROGRAM, SHELLS, Admin, key_id


@pytest.fixture(params=SHELLS)
def admin(request, server, redis, pepper_file):
    return Admin(server.url, SHELLS[request.param], REEVE_PEPPER_FILE=str(pepper_file))


def test_the_examples_of_the_manual(admin, redis):
    admin("role", "set", "reader", "priority=5")
    admin("role", "set", "writer")
    admin("role", "rule", "add", "reader", "10", "allow GET,HEAD * /v1/orders/**")
    admin("user", "add", "alice", "roles=reader,writer", "team=payments")
    key = admin("key", "issue", "alice", "expires=30d", "label=ci").strip()
    assert redis.hash("reeve:role:reader")["rule:10"] == "allow GET,HEAD * /v1/orders/**"
    assert redis.hash(f"reeve:key:{key_id(key)}")["label"] == "ci"
    assert len(redis.records()) == 4


def test_words_arrive_as_they_are(admin, redis):
    note = "é € 🔑 \\x41 \\\\ \"q\" 'q' $HOME `id` $(id) %s %d * ? [a] ~ -n ; | & < > #"
    admin("user", "add", "auth0|é x", f"note={note}")
    admin("user", "set", "auth0|é x", f"note={note}{note}")
    assert redis.hash("reeve:user:{auth0%7C%C3%A9%20x}")["note"] == note + note
    assert note in admin("user", "show", "auth0|é x")
    assert note in admin("user", "list")


def test_limits_and_usage(admin, redis):
    admin("limit", "set", "burst", "rate=100/s", "burst=200", "scope=key")
    admin("limit", "set", "daily", "quota=100000", "per=day", "tz=Europe/Berlin")
    admin("user", "add", "auth0|é", "limits=daily,burst")
    key = "reeve:used:{user:auth0%7C%C3%A9}:daily"
    redis("HSET", key, "start", "1", "end", "4102444800000", "used", "2117")
    assert admin("usage", "auth0|é").splitlines()[1:] == [
        "burst  (no key)       100/s burst 200               -     -          -",
        "daily  user:auth0|é  100000 per day Europe/Berlin  2117  97883      2100-01-01T00:00:00Z",
    ]
    admin("usage", "reset", "auth0|é", "daily")
    assert redis.hash(key)["used"] == "0"
    fault = admin.refuses("usage", "reset", "--subject", "source:x", "daily")
    assert fault == "source:x: 'x' is not an IP address"


def test_errors_and_lists(admin, redis):
    admin("user", "add", "alice")
    assert admin.refuses("user", "add", "alice") == "user alice: exists already"
    assert admin.refuses("user", "add", "bob", "team=a\nb").startswith("user bob: team: ")
    assert admin.refuses("nope", status=2) == "no such command: nope (try --help)"
    keys = [key_id(admin("key", "issue", "alice")) for _ in range(2)]
    listed = [line.split()[0] for line in admin("key", "list", "alice").splitlines()[1:]]
    assert listed == sorted(keys)
    admin("user", "delete", "--keys", "alice")
    assert redis.records() == {}


def test_help_at_every_level(admin):
    for words in ((), ("user",), ("role", "rule"), ("key", "issue"), ("role", "rule", "add")):
        shown = admin(*words, "--help")
        assert shown.startswith("Usage:\n  reeve-admin ")
        for line in shown.split("\n\n")[0].splitlines()[1::2]:
            assert line.startswith("  reeve-admin " + " ".join(words))


def test_parts_are_found_through_links_and_as_installed(admin, redis, tmp_path):
    shell = admin.words[:-1]
    (tmp_path / "bin").mkdir()
    (tmp_path / "link").symlink_to(PROGRAM)
    (tmp_path / "bin" / "reeve-admin").write_bytes(PROGRAM.read_bytes())
    admin.words = [*shell, str(tmp_path / "link")]
    admin("user", "add", "a")

    admin.words = [*shell, str(tmp_path / "bin" / "reeve-admin")]
    assert "no scripts in" in admin.refuses("user", "add", "b", status=3)
    (tmp_path / "share" / "reeve").mkdir(parents=True)
    (tmp_path / "share" / "reeve" / "redis-cli").symlink_to(FOLDER)
    admin("user", "add", "b")
    (tmp_path / "lua").symlink_to(FOLDER / "lua")
    admin.env["REEVE_LUA_DIR"] = str(tmp_path / "lua")
    admin("user", "add", "c")
    assert len(redis.records()) == 3
