"""unlock: what agents count of failed authentications is forgotten."""

import hashlib

import pytest

from support import ROOT, Admin, Connection, Server

LUA = ROOT / "agent" / "shield" / "lua"
SALT = "0123456789abcdef" * 2
RULE = (90_000_000, 1_000_000, 900_000_000, 10)
KEYID = "AbcDef0123"


class Agent:
    """Counts as agents do."""

    def __init__(self, connection, prefix="reeve:"):
        self.redis, self.prefix = connection, prefix
        self.run("salt", "failed:salt", SALT)

    def run(self, script, key, *words):
        return self.redis("EVAL", (LUA / f"{script}.lua").read_text(), 1, self.prefix + key, *words)

    def fail(self, credential, source):
        for name in ("any", name_of(credential)):
            self.run("fail", f"failed:{name}:{name_of(f'source:{source}')}", 1, 0, 0, 0, *RULE)

    def counted(self, credential, source):
        """Of the pair."""
        key = f"failed:{name_of(credential)}:{name_of(f'source:{source}')}"
        return self.redis("EXISTS", self.prefix + key) == 1

    def counted_source(self, source):
        return self.redis("EXISTS", f"{self.prefix}failed:any:{name_of(f'source:{source}')}") == 1

    def told(self):
        """What agents are told to forget."""
        keys = self.redis("KEYS", f"{self.prefix}unlock:*")
        return {key.decode().removeprefix(f"{self.prefix}unlock:") for key in keys}


def name_of(text):
    return hashlib.sha256(f"{SALT}\n{text}".encode()).hexdigest()[:24]


@pytest.fixture
def agent(redis):
    return Agent(redis)


def test_a_user_is_unlocked_wherever_it_failed_and_whatever_it_tried(agent, admin):
    admin("role", "set", "r")
    admin("user", "add", "alice", "roles=r")
    keyid = admin("key", "issue", "alice").split("_")[1]
    agent.fail("password:alice", "192.0.2.7")
    agent.fail("password:alice", "203.0.113.9")
    agent.fail(f"key:{keyid}", "192.0.2.7")
    agent.fail("password:bob", "192.0.2.7")
    agent.fail("key:alice", "192.0.2.7")
    assert admin("unlock", "--user", "alice") == "user alice: 3 counts forgotten, agents told\n"
    assert not agent.counted("password:alice", "192.0.2.7")
    assert not agent.counted("password:alice", "203.0.113.9")
    assert not agent.counted(f"key:{keyid}", "192.0.2.7")
    assert agent.counted("password:bob", "192.0.2.7") and agent.counted("key:alice", "192.0.2.7")
    assert agent.counted_source("192.0.2.7")
    assert agent.told() == {name_of("password:alice"), name_of(f"key:{keyid}")}


def test_a_user_without_a_record_or_with_any_name(agent, admin):
    for name in ("nobody", "auth0|1", "J*s?[a] é"):
        agent.fail(f"password:{name}", "192.0.2.7")
        assert " 1 counts forgotten" in admin("unlock", "--user", name)
        assert not agent.counted(f"password:{name}", "192.0.2.7")


def test_a_key_is_unlocked(agent, admin):
    agent.fail(f"key:{KEYID}", "192.0.2.7")
    agent.fail(f"password:{KEYID}", "192.0.2.7")
    assert admin("unlock", "--key", KEYID) == f"key {KEYID}: 1 counts forgotten, agents told\n"
    assert not agent.counted(f"key:{KEYID}", "192.0.2.7")
    assert agent.counted(f"password:{KEYID}", "192.0.2.7")
    assert agent.told() == {name_of(f"key:{KEYID}")}


@pytest.mark.parametrize(
    ("given", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:DB8::1", "2001:db8::"),
    ],
)
def test_a_source_is_unlocked_with_all_that_it_tried(agent, admin, given, counted):
    agent.fail("password:alice", counted)
    agent.fail("key:x", counted)
    agent.fail("password:alice", "198.51.100.1")
    assert admin("unlock", "--source", given) == f"source {counted}: 3 counts forgotten, agents told\n"
    assert not agent.counted_source(counted)
    assert not agent.counted("password:alice", counted) and not agent.counted("key:x", counted)
    assert agent.counted("password:alice", "198.51.100.1") and agent.counted_source("198.51.100.1")
    assert agent.told() == {name_of(f"source:{counted}")}


def test_nothing_counted_is_told_all_the_same(agent, admin, redis):
    assert admin("unlock", "--source", "192.0.2.7") == "source 192.0.2.7: 0 counts forgotten, agents told\n"
    (name,) = agent.told()
    assert 0 < redis("PTTL", f"reeve:unlock:{name}") <= 60_000
    assert redis("HGET", "reeve:failed:salt", "salt") == SALT.encode()


def test_another_prefix_is_another_world(agent, server, redis):
    other = Agent(redis, "o.ther:")
    other.fail("key:x", "192.0.2.7")
    agent.fail("key:x", "192.0.2.7")
    Admin(server.url, REEVE_PREFIX="o.ther:")("unlock", "--source", "192.0.2.7")
    assert not other.counted_source("192.0.2.7") and agent.counted_source("192.0.2.7")
    assert agent.told() == set()


def test_what_is_refused_changes_nothing(agent, admin, redis):
    agent.fail("password:alice", "192.0.2.7")
    before = sorted(redis("KEYS", "*"))
    for words in ((), ("alice",), ("--user",), ("--all", "x"), ("--user", "a", "b"), ("--user", "--key")):
        admin.refuses("unlock", *words, status=2)
    assert "is not an IP address" in admin.refuses("unlock", "--source", "192.0.2")
    admin.refuses("unlock", "--source", "192.0.2.0/24")
    admin.refuses("unlock", "--key", "short")
    admin.refuses("unlock", "--user", "")
    # A key's text must not stand in an argument list, and is not repeated.
    text = "rv_AbcDef0123_" + "x" * 32 + "_000000"
    assert "xxxx" not in admin.refuses("unlock", "--key", text, status=2)
    assert sorted(redis("KEYS", "*")) == before


def test_where_no_agent_ever_counted_it_says_so(admin):
    fault = admin.refuses("unlock", "--user", "alice")
    assert fault == "user alice: no agent has counted anything in this Redis"


def test_the_shipped_rights_are_enough(tmp_path):
    started = Server(tmp_path, "--include", str(ROOT / "contrib/redis-acl/reeve-users.conf"))
    try:
        root = Connection(started.path)
        for user in ("reeve-admin", "reeve-agent"):
            root("ACL", "SETUSER", user, "on", ">x")
        connection = Connection(started.path)
        connection("AUTH", "reeve-agent", "x")
        agent = Agent(connection)
        agent.fail("password:alice", "192.0.2.7")
        agent.run("forgive", f"failed:{name_of('password:alice')}:{name_of('source:192.0.2.7')}")
        agent.fail("password:alice", "192.0.2.7")
        admin = Admin(f"redis://reeve-admin:x@127.0.0.1:{started.port}")
        assert admin("unlock", "--user", "alice").startswith("user alice: 1 counts")
        assert admin("unlock", "--source", "192.0.2.7").startswith("source 192.0.2.7: 1 counts")
        assert len(root.records()) == 3
    finally:
        started.stop()
