"""Agents are present in Redis, acknowledge changes, and leave when they end well."""

import re
import signal
import subprocess
import time

import pytest
from faultlib import Faults
from harness.admin import PROGRAM
from harness.agent import BUILD, Agent
from harness.redis import AGENT_USER, Redis
from harness.spop import Peer, notify, request_arguments
from harness.wait import wait_until

WORKERS = 2


@pytest.fixture
def stack(start_stack):
    started = start_stack(workers=WORKERS, drain_delay="0", drain_timeout="2s")
    wait_until_all_are_told(started)
    return started


def wait_until_all_are_told(stack, starts=1):
    """Each worker of each agent is told of changes, and each agent is present."""

    def are_told():
        return all(agent.log().count("tells of changes") >= starts * WORKERS for agent in stack.agents)

    wait_until(are_told, "all workers to be told of changes")
    wait_until(lambda: is_present(stack, "agent1", "agent2"), "both agents to be present")


def agents(stack):
    """{id: workers} of those that count."""
    rows = [line.split() for line in stack.admin("agent", "list").splitlines()[1:]]
    return {row[0]: row[1] for row in rows}


def change(stack, *words):
    """reeve-admin --wait: exit status, what it said, what it complained of."""
    done = subprocess.run(
        [str(PROGRAM), *words], env=stack.admin.env, capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


def receipt(stack, *words):
    """(agents that acknowledged, agents), of a change that all acknowledged."""
    status, said, complaint = change(stack, "--wait=20", *words)
    found = re.fullmatch(r"(\d+)/(\d+) agents, \d+ ms", said)
    assert status == 0 and found, (said, complaint)
    return int(found[1]), int(found[2])


def is_present(stack, *names):
    return agents(stack) == {name: str(WORKERS) for name in names}


def test_agents_have_the_rights_that_ship(stack):
    clients = [line for line in stack.redis.command("CLIENT", "LIST").splitlines() if "name=agent" in line]
    assert len(clients) >= 2 * WORKERS
    assert all(f" user={AGENT_USER} " in line for line in clients)
    denials = stack.redis.command("ACL", "LOG").replace("\n", " ")
    assert AGENT_USER not in denials, denials


def test_after_a_receipt_no_agent_decides_by_what_was(stack):
    for _ in range(5):
        assert stack.fetch(user="alice").status == 200
        assert receipt(stack, "user", "disable", "alice") == (2, 2)
        assert [stack.fetch(user="alice").status for _ in range(10)] == [403] * 10
        assert receipt(stack, "user", "enable", "alice") == (2, 2)
        assert [stack.fetch(user="alice").status for _ in range(10)] == [200] * 10


def test_a_receipt_waits_for_allows_that_wait_for_the_disk(start_stack, tmp_path):
    """In durable mode what was decided before a change is told later: never behind its receipt."""
    faults = Faults(BUILD / "libfaultlib.so", tmp_path / "faults")
    prefix = ["env", *(f"{name}={value}" for name, value in faults.env.items())]
    stack = start_stack(
        agents=1, prefix=prefix, drain_delay="0", workers=1, audit_mode="durable", deadline="10s"
    )
    wait_until(lambda: "tells of changes" in stack.agents[0].log(), "the worker to be told of changes")
    with Peer.connect(stack.agents[0].address) as peer:
        peer.greet()
        assert peer.ask(1, key=stack.keys["alice"])["verdict"] == "allow"
        faults.strike("fdatasync", every=1, delay_s=1.0)
        peer.send(notify(2, request_arguments(key=stack.keys["alice"])))
        assert not peer.is_readable(within=0.1)
        assert receipt(stack, "user", "disable", "alice") == (1, 1)
        assert peer.is_readable(within=0)
        assert peer.receive().variables()["verdict"] == "allow"
        assert peer.ask(3, key=stack.keys["alice"])["reason"] == "user_disabled"


def test_a_user_with_a_name_as_long_as_can_be(stack):
    assert receipt(stack, "user", "add", "é" * 128) == (2, 2)


def test_an_agent_that_hangs_is_named(stack):
    stack.agents[1].freeze()
    status, said, complaint = change(stack, "user", "set", "alice", "note=x", "--wait=1")
    assert (status, said) == (1, "1/2 agents in 1 s")
    assert re.fullmatch(
        r"reeve-admin: agent agent2: 0 of 2 workers acknowledged, last heard of \d+\.\d s ago", complaint
    )
    stack.agents[1].thaw()
    assert receipt(stack, "user", "set", "alice", "note=y") == (2, 2)


def test_who_ends_well_leaves_and_who_is_killed_does_not(stack):
    stack.agents[0].signal(signal.SIGTERM)
    assert stack.agents[0].wait(30.0) == 0
    assert is_present(stack, "agent2")
    assert stack.redis.command("EXISTS", "reeve:agent:agent1") == "0"
    assert receipt(stack, "user", "disable", "alice") == (1, 1)

    stack.agents[1].signal(signal.SIGKILL)
    stack.agents[1].wait(30.0)
    assert is_present(stack, "agent2")
    assert change(stack, "user", "enable", "alice", "--wait=1")[:2] == (1, "0/1 agents in 1 s")
    stack.admin("agent", "forget", "agent2")
    assert change(stack, "user", "enable", "alice", "--wait=1")[:2] == (1, "0/0 agents")


def test_agents_that_are_started_anew_acknowledge(stack):
    for agent in stack.agents:
        agent.signal(signal.SIGKILL)
        agent.wait(30.0)
        agent.start()
    wait_until_all_are_told(stack, starts=2)
    assert receipt(stack, "user", "set", "alice", "note=x") == (2, 2)


def test_agents_come_back_after_redis_lost_everything(stack):
    stack.redis.command("FLUSHALL")
    wait_until(lambda: is_present(stack, "agent1", "agent2"), "both agents to be present again")
    assert receipt(stack, "user", "add", "carol") == (2, 2)


def connect_to_worker(agent, number):
    """A connection that this worker serves."""
    for attempt in range(20):
        peer = Peer.connect(agent.address)
        peer.greet()
        rid = f"who-{attempt}"
        peer.ask(1, rid=rid)
        if agent.audit_of(rid)["worker"] == number:
            return peer
        peer.close()
    raise AssertionError(f"no connection to worker {number}")


def test_an_agent_counts_until_its_last_worker_is_done(tmp_path):
    """Worker 0 says that the agent leaves; another may still decide."""
    redis = Redis(tmp_path).start()
    agent = Agent("agent1", "api-keys", tmp_path, redis.url, workers=2, drain_delay="0", drain_timeout="8s")
    try:
        agent.start()
        first, busy = connect_to_worker(agent, 0), connect_to_worker(agent, 1)
        assert redis.command("ZRANGE", "reeve:agents", "0", "-1") == "agent1"
        begun = notify(2, request_arguments(rid="late"))
        busy.send(begun[:-1])
        first.close()
        agent.signal(signal.SIGTERM)
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert redis.command("ZRANGE", "reeve:agents", "0", "-1") == "agent1"
        busy.send(begun[-1:])
        busy.close()
        assert agent.wait(30.0) == 0
        assert redis.command("ZRANGE", "reeve:agents", "0", "-1") == ""
    finally:
        agent.stop()
        redis.stop()
