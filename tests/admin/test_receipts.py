"""--wait: whether a change has reached every agent; and the agents as an operator sees them."""

import re
import signal
import time

import pytest

from fleet import Acker, Fleet, server_ms
from support import SHELLS, Admin, Connection, Server

CHANGES = [
    # words, the tag of what they change
    (("role", "set", "r"), "reeve:role:r"),
    (("role", "rule", "add", "r", "1", "allow GET * /"), "reeve:role:r"),
    (("role", "rule", "set", "r", "1", "allow GET * /a"), "reeve:role:r"),
    (("role", "rule", "delete", "r", "1"), "reeve:role:r"),
    (("limit", "set", "l", "rate=1/s"), "reeve:limit:l"),
    (("team", "set", "t"), "reeve:team:t"),
    (("team", "disable", "t"), "reeve:team:t"),
    (("team", "enable", "t"), "reeve:team:t"),
    (("user", "add", "a|b", "roles=r", "limits=l"), "a%7Cb"),
    (("user", "set", "a|b", "team=t"), "a%7Cb"),
    (("user", "disable", "a|b"), "a%7Cb"),
    (("user", "enable", "a|b"), "a%7Cb"),
    (("user", "delete", "a|b"), "a%7Cb"),
    (("user", "add", "u"), "u"),
    (("user", "delete", "--keys", "u"), "u"),
    (("team", "delete", "t"), "reeve:team:t"),
    (("limit", "delete", "l"), "reeve:limit:l"),
    (("role", "delete", "r"), "reeve:role:r"),
]


@pytest.fixture
def beat(redis):
    """beat(agent, ...): as Fleet.beat(), by the clock of Redis; agents are a minute old."""

    def send(agent, **how):
        Fleet(redis, server_ms(redis)).beat(agent, **{"age_ms": 60_000, **how})

    return send


@pytest.fixture
def ackers(server):
    """ackers({agent: workers}, acks): an Acker."""
    started = []

    def start(agents, *acks):
        started.append(Acker(server.path, agents, *acks))
        return started[-1]

    yield start
    for acker in started:
        acker.stop()


@pytest.fixture(params=SHELLS)
def shell(request):
    return SHELLS[request.param]


def receipt_of(text):
    """(agents that acknowledged, agents, ms)"""
    found = re.fullmatch(r"(\d+)/(\d+) agents, (\d+) ms\n", text)
    assert found, text
    return tuple(int(part) for part in found.groups())


def complaints(done):
    return [line.removeprefix("reeve-admin: ") for line in done.stderr.splitlines()]


@pytest.mark.parametrize("place", ["before", "behind"])
def test_every_change_gets_its_receipt(admin, beat, ackers, place):
    for agent, workers in (("a1", 1), ("a2", 3)):
        beat(agent, workers=workers)
    acker = ackers({"a1": 1, "a2": 3})
    for words, tag in CHANGES:
        waits = ("--wait", *words) if place == "before" else (*words, "--wait")
        assert receipt_of(admin(*waits))[:2] == (2, 2)
        fence = acker.fences.pop()
        assert re.fullmatch(r"reeve:~fence:\{%s\}:[0-9a-f]{32}" % re.escape(tag), fence), fence
        assert acker.fences == []


def test_key_commands_and_the_key_alone_on_stdout(admin, beat, ackers):
    beat("a1")
    acker = ackers({"a1": 1})
    admin("user", "add", "u")
    done = admin.run("key", "issue", "u", "--wait")
    assert done.returncode == 0
    assert re.fullmatch(r"rv_\w{10}_\w{32}_\w{6}\n", done.stdout)
    assert receipt_of(done.stderr)[:2] == (1, 1)
    key = done.stdout.split("_")[1]
    done = admin.run("key", "rotate", key, "overlap=1h", "--wait")
    assert done.stdout.startswith(f"rv_{key}_") and done.stdout.count("\n") == 1
    assert receipt_of(done.stderr)[:2] == (1, 1)
    for what in ("rotate end", "disable", "enable", "delete"):
        assert receipt_of(admin("key", *what.split(), key, "--wait"))[:2] == (1, 1)
    assert [fence.split("{")[1].split("}")[0] for fence in acker.fences] == [f"reeve:key:{key}"] * 6


def test_the_fence_comes_after_the_change_and_expires(admin, redis, beat, ackers):
    beat("a1")
    seen = []
    acker = ackers({"a1": 1}, lambda *_: seen.append(Connection(acker.path).hash("reeve:user:{u}")) or 0)
    admin("--wait", "user", "add", "u", "note=x")
    assert [record["note"] for record in seen] == ["x"]
    before = server_ms(redis)
    assert 50_000 < redis("PTTL", acker.fences[0]) <= 60_000
    assert before * 1000 - 20_000_000 < int(redis("GET", acker.fences[0])) <= before * 1000 + 1000


def test_the_time_is_that_of_the_last_worker_on_the_clock_of_redis(admin, beat, ackers):
    beat("a1", workers=2)
    beat("a2")
    ackers({"a1": 2, "a2": 1}, lambda agent, worker: 0.4 if (agent, worker) == ("a1", 1) else 0)
    _, _, ms = receipt_of(admin("--wait", "user", "add", "u"))
    assert 400 <= ms < 3000


def test_in_every_shell(server, redis, beat, ackers, shell):
    for agent in ("a1", "a2", "a3"):
        beat(agent, workers=2)
    ackers({"a1": 2, "a2": 2, "a3": 2}, lambda agent, _: None if agent == "a3" else 0)
    admin = Admin(server.url, shell)
    assert admin("agent", "list").splitlines()[0].split() == "AGENT WORKERS VERSION STARTED HEARD_OF".split()
    done = admin.run("user", "add", "u", "--wait=1")
    assert (done.returncode, done.stdout) == (1, "2/3 agents in 1 s\n")
    (line,) = complaints(done)
    assert re.fullmatch(r"agent a3: 0 of 2 workers acknowledged, last heard of \d+\.\d s ago", line)
    admin("agent", "forget", "a3")
    assert receipt_of(admin("user", "disable", "u", "--wait"))[:2] == (2, 2)


def test_nobody_acknowledges(admin, redis, beat):
    for agent in ("a1", "a1x", "xa1"):
        beat(agent)
    began = time.monotonic()
    done = admin.run("--wait=1", "user", "add", "u")
    assert 1 <= time.monotonic() - began < 10
    assert (done.returncode, done.stdout) == (1, "0/3 agents in 1 s\n")
    named = [line.split(":")[0] for line in complaints(done)]
    assert named == ["agent a1", "agent a1x", "agent xa1"]
    assert redis("EXISTS", "reeve:user:{u}") == 1


def test_some_workers_acknowledge(admin, beat, ackers):
    beat("b", workers=4)
    beat("bb", workers=4)
    ackers({"b": 4, "bb": 4}, lambda agent, worker: None if worker == 1 and agent == "bb" else 0)
    done = admin.run("--wait=1", "user", "add", "u")
    assert (done.returncode, done.stdout) == (1, "1/2 agents in 1 s\n")
    (line,) = complaints(done)
    assert line.startswith("agent bb: 3 of 4 workers acknowledged, last heard of ")


def test_a_late_acknowledgement_counts(admin, beat, ackers):
    beat("a1")
    beat("a2")
    ackers({"a1": 1, "a2": 1}, lambda agent, _: 0.9 if agent == "a2" else 0)
    done, _, ms = receipt_of(admin("--wait=20", "user", "add", "u"))
    assert done == 2 and 900 <= ms < 10_000


def test_how_long_it_was_not_heard_of(admin, redis, beat):
    beat("a1")
    redis("HSET", "reeve:agent:a1", "seen", server_ms(redis) - 42_000)
    (line,) = complaints(admin.run("--wait=1", "user", "add", "u"))
    ago = float(re.fullmatch(r"agent a1: 0 of 1 workers acknowledged, last heard of ([\d.]+) s ago", line)[1])
    assert 43 <= ago < 60


def test_no_agents(admin):
    done = admin.run("--wait", "user", "add", "u")
    assert (done.returncode, done.stdout) == (1, "0/0 agents\n")
    assert complaints(done) == ["no agent is present; one that is cut off from Redis would not be known"]


def test_agents_whose_time_is_over_do_not_count(admin, redis, beat, ackers):
    beat("alive")
    redis("ZADD", "reeve:agents", server_ms(redis) - 1, "dead")
    ackers({"alive": 1})
    assert receipt_of(admin("--wait", "user", "add", "u"))[:2] == (1, 1)


def test_agents_that_began_after_the_fence_have_nothing_to_acknowledge(admin, redis, beat, ackers):
    beat("old")
    beat("new", age_ms=-5000)
    ackers({"old": 1})
    assert receipt_of(admin("--wait", "user", "add", "u"))[:2] == (1, 1)


@pytest.mark.parametrize("how", ["leaves", "dies", "is started anew"])
def test_an_agent_that_goes_while_it_is_waited_for(admin, redis, beat, ackers, how):
    beat("stays")
    beat("goes")

    def go(agent, _):
        if agent == "goes" and how == "leaves":
            own("ZREM", "reeve:agents", "goes")
            own("DEL", "reeve:agent:goes")
        elif agent == "goes" and how == "is started anew":
            Fleet(own, server_ms(own) + 1).beat("goes", boot="b2")
        return 0 if agent == "stays" else None

    acker = ackers({"stays": 1, "goes": 1}, go)
    own = Connection(acker.path)
    done = admin.run("--wait=2", "user", "add", "u")
    if how == "dies":
        assert (done.returncode, done.stdout) == (1, "1/2 agents in 2 s\n")
    else:
        assert done.returncode == 0 and receipt_of(done.stdout)[:2] == (1, 1)
    own.close()


def test_an_agent_that_is_not_described_is_waited_for(admin, redis, beat, ackers):
    """Its description may come: whoever counts must acknowledge."""
    beat("a1")
    redis("DEL", "reeve:agent:a1")
    ackers({"a1": 1})
    done = admin.run("--wait=1", "user", "add", "u")
    assert (done.returncode, done.stdout) == (1, "0/1 agents in 1 s\n")
    assert complaints(done) == ["agent a1: 0 of ? workers acknowledged, last heard of ?"]


def test_what_is_refused_is_not_waited_for(admin, redis, beat):
    beat("a1")
    assert admin.refuses("user", "disable", "nobody", "--wait") == "user nobody: no such user"
    assert redis("KEYS", "*fence*") == []


@pytest.mark.parametrize("words", [
    ("user", "list"), ("user", "show", "u"), ("usage", "u"), ("usage", "reset", "u", "l"),
    ("record", "check", "user", "state=active"), ("agent", "list"), ("agent", "forget", "a"),
])  # fmt: skip
def test_only_changes_can_be_waited_for(admin, redis, words):
    fault = admin.refuses(*words, "--wait", status=2)
    assert fault.startswith("--wait: ") and "changes no record" in fault


@pytest.mark.parametrize("value", ["", "0", "-1", "x", "1.5", "3601", "99999999999999999999", "1 "])
def test_what_is_no_time_to_wait(admin, redis, value):
    fault = admin.refuses("user", "add", "u", f"--wait={value}", status=2)
    assert fault.startswith("--wait: not a number of seconds from 1 to 3600")
    assert redis.records() == {}


def test_scripts_that_are_gone(admin, redis, beat, ackers):
    """Before the fence, and once more right after it: maybe before the agents are listed."""
    beat("a1")
    flushes = [0.1]

    def flush_once(*_):
        if not flushes:
            return 0
        redis("SCRIPT", "FLUSH")
        return flushes.pop()

    ackers({"a1": 1}, flush_once)
    redis("SCRIPT", "FLUSH")
    assert receipt_of(admin("--wait", "user", "add", "u"))[:2] == (1, 1)


def test_another_type_where_agents_or_acknowledgements_stand(admin, redis, beat):
    redis("SET", "reeve:agents", "x")
    fault = admin.refuses("--wait", "user", "add", "u", status=3)
    assert fault.startswith("changed, but there is no receipt: redis: ") and "WRONGTYPE" in fault
    assert redis("EXISTS", "reeve:user:{u}") == 1


def test_a_redis_that_hangs_is_not_waited_for_longer(tmp_path):
    own = Server(tmp_path)
    try:
        redis = Connection(own.path)
        Fleet(redis, server_ms(redis)).beat("a1", age_ms=1000)
        acker = Acker(own.path, {"a1": 1}, lambda *_: own.process.send_signal(signal.SIGSTOP))
        began = time.monotonic()
        fault = Admin(own.url).refuses("--wait=1", "user", "add", "u", status=3)
        assert time.monotonic() - began < 20
        assert fault == "changed, but there is no receipt: redis: no answer in time"
        own.process.send_signal(signal.SIGCONT)
        acker.stop()
    finally:
        own.stop()


def test_many_agents(admin, beat, ackers):
    agents = {f"agent-{number}": 2 for number in range(200)}
    for agent in agents:
        beat(agent, workers=2)
    ackers(agents)
    assert receipt_of(admin("--wait=20", "user", "add", "u"))[:2] == (200, 200)


def test_agents_are_listed(admin, redis, beat):
    assert admin("agent", "list") == "AGENT WORKERS VERSION STARTED HEARD_OF\n".replace(" ", "  ")
    beat("b", workers=4)
    beat("a")
    redis("HSET", "reeve:agent:a", "version", "1\t2\n", "started", "x", "workers", "x")
    redis("ZADD", "reeve:agents", server_ms(redis) + 9999, "not described", server_ms(redis) + 99_999, "c")
    rows = [re.split(r"  +", line) for line in admin("agent", "list").splitlines()[1:]]
    assert sorted(row[:4] for row in rows) == [
        ["a", "?", "1\\x092\\x0a", "?"],
        ["b", "4", "1.0", "2023-11-14T22:13:20Z"],
        ["c", "?", "?", "?"],
    ]
    assert all(re.fullmatch(r"\d\.\d s ago|\?", row[4]) for row in rows)


def test_an_agent_is_forgotten(admin, redis, beat):
    beat("a1")
    beat("a2")
    assert admin("agent", "forget", "a1") == ""
    assert redis("ZRANGE", "reeve:agents", 0, -1) == [b"a2"]
    assert redis("EXISTS", "reeve:agent:a1") == 0
    assert admin.refuses("agent", "forget", "a1") == "agent a1: no such agent"
    redis("DEL", "reeve:agent:a2")
    admin("agent", "forget", "a2")
    assert redis.records() == {}
    assert "is not a name" in admin.refuses("agent", "forget", "a b")
