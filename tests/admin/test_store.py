"""How Redis is reached, and what happens when it can not be."""

import pytest

from fleet import Fleet, server_ms
from harness.pki import Certificate
from support import ROOT, Admin, Connection, RedisError, Server, free_port

COMMANDS = [
    ("role", "set", "r", "priority=1"),
    ("role", "rule", "add", "r", "1", "allow GET * /"),
    ("limit", "set", "l", "rate=1/s"),
    ("limit", "list"),
    ("user", "add", "u", "roles=r", "limits=l"),
    ("key", "issue", "u"),
    ("key", "list"),
    ("audit-access",),
    ("user", "show", "u"),
    ("record", "check", "user", "state=active"),
    ("usage", "u"),
    ("usage", "show", "u", "l"),
    ("usage", "reset", "u", "l"),
    ("agent", "list"),
    ("user", "delete", "--keys", "u"),
    ("limit", "delete", "l"),
]

KINDS = ("key", "cert", "user", "team", "role", "limit", "revoked")


def test_scripts_are_loaded_again_after_a_flush(admin, redis):
    for words in COMMANDS:
        redis("SCRIPT", "FLUSH")
        admin(*words)
    assert list(redis.records()) == [b"reeve:bucket:{user:u}:l", b"reeve:role:r"]


def test_scripts_are_loaded_once(admin, redis):
    redis("SCRIPT", "FLUSH")
    redis("CONFIG", "RESETSTAT")
    for name in ("a", "b", "c"):
        admin("user", "add", name)
    stats = redis("INFO", "commandstats").decode()
    assert "cmdstat_script|load:calls=1," in stats
    assert "cmdstat_evalsha:calls=4," in stats


def test_addresses(server, redis, tmp_path):
    path = f"unix://{server.path}"
    for number, url in enumerate(
        [
            path,
            f"{path}?db=2",
            f"redis://127.0.0.1:{server.port}",
            f"redis://localhost:{server.port}/",
            f"redis://127.0.0.1:{server.port}/2",
        ]
    ):
        Admin(url)("user", "add", f"u{number}")
    assert set(redis.records()) == {f"reeve:user:{{u{number}}}".encode() for number in (0, 2, 3)}
    redis("SELECT", 2)
    assert set(redis.records()) == {f"reeve:user:{{u{number}}}".encode() for number in (1, 4)}


def test_a_user_of_the_acl_on_a_unix_socket(server, redis):
    redis("ACL", "SETUSER", "ann", "on", ">p@s", "~*", "+@all")
    try:
        Admin(f"unix://ann:p%40s@{server.path}")("user", "add", "u0")
        fault = Admin(f"unix://ann:wrong@{server.path}").refuses("user", "list", status=3)
        assert "WRONGPASS" in fault
    finally:
        redis("ACL", "DELUSER", "ann")
    assert set(redis.records()) == {b"reeve:user:{u0}"}


@pytest.mark.parametrize(
    "url",
    [
        *("x", "http://127.0.0.1", "redis://", "redis:///0", "redis://:6379", "redis://h:port"),
        *("redis://h:/0", "redis://h/x", "redis://-x", "redis://a b", "rediss://h", "unix://s"),
        *("unix:///s?db=x", "unix://u@/s", "unix://@/s", "unix://u:p@s", "unix://u:%zz@/s"),
        *("redis://u@h", "redis://u:%zz@h", "redis://u:%0@h", "redis://u:%00@h"),
        *("redis://u:%zz%41@h", "redis://u:p/q@h", "redis://u:p@q@h"),
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(url):
    fault = Admin(url).refuses("user", "list", status=2)
    assert fault.startswith("REEVE_REDIS: expected ")


def test_prefix(server, redis):
    for prefix in ("a:", "b*[x]?", "b:c@d-", "bad prefix", 'q"', ""):
        admin = Admin(server.url, REEVE_PREFIX=prefix)
        if prefix in ("a:", "b:c@d-"):
            admin("user", "add", "alice")
            admin("key", "issue", "alice")
            assert len(admin("user", "list").splitlines()) == 2
            assert len(admin("key", "list", "alice").splitlines()) == 2
        else:
            assert admin.refuses("user", "list", status=2).startswith("REEVE_PREFIX: ")
    users = {key for key in redis.records() if b":user:" in key or b"@d-user:" in key}
    assert users == {b"a:user:{alice}", b"b:c@d-user:{alice}"}


def test_a_prefix_is_no_pattern(server, redis):
    redis("HSET", "axb:user:{a}", "state", "active")
    assert len(Admin(server.url, REEVE_PREFIX="a.b:")("user", "list").splitlines()) == 1


def test_nobody_there():
    port = free_port()
    for words in (*COMMANDS, ("record", "check", "-")):
        fault = Admin(f"redis://127.0.0.1:{port}").refuses(*words, status=3)
        assert fault.startswith("redis: Could not connect")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A password for everybody, and users who may do less."""
    started = Server(tmp_path_factory.mktemp("guarded"), "--requirepass", "p w")
    connection = Connection(started.path)
    connection("AUTH", "p w")
    connection("ACL", "SETUSER", "commands", "on", ">x", "~other:*", "+@all")
    connection("ACL", "SETUSER", "keys", "on", ">x", "~*")
    yield started
    started.stop()


def test_a_password_in_the_address_or_beside_it(guarded):
    place = f"127.0.0.1:{guarded.port}"
    Admin(f"redis://:p%20w@{place}")("user", "list")
    Admin(f"redis://default:p%20w@{place}")("user", "list")
    Admin(f"redis://{place}", REDISCLI_AUTH="p w")("user", "list")
    Admin(f"redis://default@{place}", REDISCLI_AUTH="p w")("user", "list")


@pytest.mark.parametrize("login", ["", ":wrong@", "nobody:x@"])
def test_a_wrong_password(guarded, login):
    admin = Admin(f"redis://{login}127.0.0.1:{guarded.port}")
    for words in COMMANDS:
        fault = admin.refuses(*words, status=3)
        assert fault.startswith("redis: ") and "wrong" not in fault.replace("WRONGPASS", "")


def test_a_user_who_may_not(guarded):
    for words in COMMANDS:
        fault = Admin(f"redis://keys:x@127.0.0.1:{guarded.port}").refuses(*words, status=3)
        assert "NOPERM" in fault
    for words in (("user", "add", "u"), ("user", "show", "u"), ("user", "delete", "u")):
        fault = Admin(f"redis://commands:x@127.0.0.1:{guarded.port}").refuses(*words, status=3)
        assert "NOPERM" in fault


def test_the_shipped_rights_are_enough_and_no_more(tmp_path):
    started = Server(tmp_path, "--include", str(ROOT / "contrib/redis-acl/reeve-users.conf"))
    try:
        root = Connection(started.path)
        admin = Admin(f"redis://reeve-admin:x@127.0.0.1:{started.port}/1")
        assert "WRONGPASS" in admin.refuses("user", "list", status=3)

        root("ACL", "SETUSER", "reeve-admin", "on", ">x")
        for words in COMMANDS:
            admin(*words)
        laptop = str(Certificate(tmp_path, "laptop", "/CN=laptop").path)
        admin("user", "add", "u")
        for words in (("add", "u", laptop), ("list",), ("show", laptop), ("revoke", laptop)):
            admin("cert", *words)
        admin("user", "delete", "--certs", "u")
        connection = Connection(started.path)
        connection("SELECT", 1)
        Fleet(connection, server_ms(connection)).beat("a", age_ms=1000)
        done = admin.run("user", "add", "v", "--wait=1")
        assert (done.returncode, done.stdout) == (1, "0/1 agents in 1 s\n"), done.stderr
        admin("agent", "forget", "a")
        done = admin.run("user", "delete", "v", "--wait")
        assert (done.returncode, done.stdout) == (1, "0/0 agents\n"), done.stderr
        assert "NOPERM" in Admin(
            f"redis://reeve-admin:x@127.0.0.1:{started.port}", REEVE_PREFIX="other:"
        ).refuses("user", "add", "u", status=3)

        agent = Connection(started.path)
        root("ACL", "SETUSER", "reeve-agent", "on", ">y")
        agent("AUTH", "reeve-agent", "y")
        for words in (("PING",), ("CLIENT", "SETNAME", "a"), ("SELECT", "1"), ("ROLE",)):
            agent(*words)
        own = agent("CLIENT", "ID")
        agent("CLIENT", "TRACKING", "ON", "REDIRECT", own, "BCAST", "PREFIX", "reeve:user:")
        canary = "return redis.call('SET', KEYS[1], ARGV[1], 'PX', 1000)"
        agent("EVAL", canary, 1, "reeve:~canary:a", "x")
        Fleet(agent).beat("a")
        Fleet(agent)("acknowledge", "reeve:ack:0123456789abcdef", "a/0")
        Fleet(agent)("leave", "reeve:agents", "a")
        Fleet(agent)("erase", "reeve:agent:a", "b1")
        assert agent.hash("reeve:role:r")["priority"] == "1"
        agent("EVAL", "return redis.call('HSET', KEYS[1], 'at', 1)", 1, "reeve:bucket:{user:u}:l")
        denied = [("HSET", f"reeve:{kind}:x", "a", "b") for kind in KINDS]
        denied += [("DEL", f"reeve:{kind}:{{x}}") for kind in KINDS]
        denied += [("SET", "reeve:~fence:{u}:0123456789abcdef", "1"), ("SUBSCRIBE", "other")]
        denied += [("CLIENT", "KILL", "ID", "1"), ("CLIENT", "LIST"), ("SCRIPT", "FLUSH")]
        denied += [("EVAL", canary, 1, "reeve:user:{u}", "x")]
        for words in (*denied, ("HGETALL", "x"), ("KEYS", "*"), ("HSET", "x", "a", "b")):
            with pytest.raises(RedisError, match="NOPERM"):
                agent(*words)
        assert agent("SUBSCRIBE", "__redis__:invalidate")[0] == b"subscribe"
        assert agent("PING")[0] == b"pong"
    finally:
        started.stop()


def test_a_read_only_replica_changes_nothing(server, redis, tmp_path_factory):
    of = ("--replicaof", "127.0.0.1", str(server.port))
    replica = Server(tmp_path_factory.mktemp("replica"), *of)
    try:
        fault = Admin(replica.url).refuses("user", "add", "alice", status=3)
        assert fault.startswith("redis: READONLY")
    finally:
        replica.stop()
