"""When credentials were last used: the agents' script, and what an operator sees of it."""

import re

import pytest

from support import ROOT, RedisError, key_id

TEXT = (ROOT / "agent" / "seen" / "lua" / "note.lua").read_text()
ACL = ROOT / "contrib" / "redis-acl" / "reeve-users.conf"
KEY = "reeve:seen:key:0123456789"
NOW_MS = 4_102_444_800_500


@pytest.fixture
def note(redis):
    """note(field, age in ms, ...): as an agent does it, at NOW_MS."""

    def run(field, age_ms=0, agent="a1", now_ms=NOW_MS, key=KEY, ttl_ms=86_400_000):
        text = TEXT.replace('redis.call("TIME")', "{ ARGV[#ARGV - 1], ARGV[#ARGV] }")
        seconds, ms = divmod(now_ms, 1000)
        return redis("EVAL", text, 1, key, field, age_ms, agent, ttl_ms, seconds, ms * 1000)

    return run


def test_the_use_and_the_agent_are_written_and_expire(note, redis):
    assert note("hash", 1501) == [b"at", b"4102444798"]
    assert note("hash2", 0, "a2") == [b"at", b"4102444800"]
    assert redis.hash(KEY) == {
        "hash": "4102444798",
        "hash_by": "a1",
        "hash2": "4102444800",
        "hash2_by": "a2",
    }
    assert 86_000_000 < redis("PTTL", KEY) <= 86_400_000


def test_a_late_note_is_not_the_last(note, redis):
    note("hash", 1000, "a1")
    note("hash", 9000, "a2")
    assert redis.hash(KEY) == {"hash": "4102444799", "hash_by": "a1"}
    note("hash", 0, "a2")
    assert redis.hash(KEY) == {"hash": "4102444800", "hash_by": "a2"}


@pytest.mark.parametrize("stored", ["4102444900", "nonsense", "", "-1", "nan"])
def test_what_can_not_be_is_overwritten(note, redis, stored):
    redis("HSET", KEY, "hash", stored)
    note("hash")
    assert redis.hash(KEY)["hash"] == "4102444800"


def test_a_key_of_another_type_is_told(note, redis):
    redis("SET", KEY, "x")
    with pytest.raises(RedisError, match="WRONGTYPE"):
        note("hash")


def test_every_key_is_declared_and_every_command_is_allowed():
    (user,) = [line for line in ACL.read_text().splitlines() if line.startswith("user reeve-agent ")]
    allowed = {word[1:].upper() for word in user.split() if word.startswith("+")}
    calls = re.findall(r'redis\.p?call\("(\w+)"(?:, (\w+\[1\]))?', TEXT)
    assert {command for command, _ in calls} == {"TIME", "HGET", "HSET", "PEXPIRE"} <= allowed
    assert {key for command, key in calls if command != "TIME"} == {"KEYS[1]"}


def test_show_says_when_each_secret_was_last_used(admin, note, redis):
    admin("user", "add", "auth0|1")
    admin("user", "add", "alice")
    keyid = key_id(admin("key", "issue", "alice"))
    assert "last use" not in admin("key", "show", keyid)
    note("hash", key=f"reeve:seen:key:{keyid}")
    note("hash2", 61_000, "a2", key=f"reeve:seen:key:{keyid}")
    assert admin("key", "show", keyid).splitlines()[-2:] == [
        "last use by hash: 2100-01-01T00:00:00Z at a1",
        "last use by hash2: 2099-12-31T23:58:59Z at a2",
    ]
    note("token", key="reeve:seen:user:{auth0%7C1}")
    assert admin("user", "show", "auth0|1").splitlines()[-1] == (
        "last use by token: 2100-01-01T00:00:00Z at a1"
    )
    redis("HSET", f"reeve:seen:key:{keyid}", "hash", "x\n", "hash_by", "\x1b[2J", "other", "1")
    assert "last use by hash: ? at \\x1b[2J" in admin("key", "show", keyid)


def test_a_record_is_deleted_with_its_last_uses(admin, note, redis):
    admin("user", "add", "alice")
    keyid = key_id(admin("key", "issue", "alice"))
    other = key_id(admin("key", "issue", "alice"))
    for key in (f"key:{keyid}", f"key:{other}", "user:{alice}", "key:0123456789"):
        note("hash", key=f"reeve:seen:{key}")
    admin("key", "delete", keyid)
    assert f"reeve:seen:key:{keyid}".encode() not in redis.records()
    admin("user", "delete", "--keys", "alice")
    assert list(redis.records()) == [b"reeve:seen:key:0123456789"]
