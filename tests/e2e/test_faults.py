"""Agents and Redis that die, hang and come back: never an allow that is not owed, always an answer."""

import signal
import time

import pytest

from harness.http import Client
from harness.load import Load
from harness.spop import Peer
from harness.wait import wait_until

# `timeout processing`, and what a loaded machine adds.
ANSWER_SECONDS = 1.5


def test_health_check_is_up_and_follows_the_agent(start_stack):
    stack = start_stack()
    for name in ("agent1", "agent2"):
        assert stack.haproxy.server(name)["status"] == "UP"
    stack.agents[0].kill()
    stack.haproxy.wait_for_server("agent1", "DOWN")
    stack.agents[0].start()
    stack.haproxy.wait_for_server("agent1", "UP")


@pytest.mark.parametrize("bufsize", [8192, 16384, 65536])
def test_case_105_health_check_is_up_whatever_the_buffer_size(start_stack, bufsize):
    stack = start_stack(agents=1, extra=f"    tune.bufsize {bufsize}\n")
    assert stack.haproxy.server("agent1")["status"] == "UP"
    assert stack.fetch(user="alice").status == 200


@pytest.mark.sanitized
def test_agent_killed_is_503_and_back_is_200(start_stack):
    stack = start_stack(agents=1)
    assert stack.fetch(user="alice").status == 200
    stack.agents[0].kill()
    for _ in range(5):
        begin = time.monotonic()
        answer = stack.fetch(user="alice")
        assert answer.status == 503
        assert answer.problem()["reason"] == "unavailable"
        assert time.monotonic() - begin < ANSWER_SECONDS
    stack.agents[0].start()
    wait_until(lambda: stack.fetch(user="alice").status == 200, "allows to come back")
    assert len(stack.upstream.received) == 2


@pytest.mark.sanitized
def test_agent_hung_is_503_within_the_timeout(start_stack):
    stack = start_stack(agents=1)
    stack.agents[0].freeze()
    for _ in range(5):
        begin = time.monotonic()
        assert stack.fetch(user="alice").status == 503
        assert time.monotonic() - begin < ANSWER_SECONDS
    assert stack.upstream.received == []
    stack.agents[0].thaw()
    wait_until(lambda: stack.fetch(user="alice").status == 200, "allows to come back")


def test_connection_does_not_keep_its_allow_when_the_agent_dies(start_stack):
    stack = start_stack(agents=1)
    client = Client(stack.address)
    assert client.request(key=stack.keys["alice"]).status == 200
    stack.agents[0].kill()
    assert client.request(key=stack.keys["alice"]).status == 503
    stack.agents[0].start()
    wait_until(lambda: client.request(key=stack.keys["alice"]).status == 200, "allows to come back")


def test_one_dead_agent_of_two_costs_nothing_once_it_is_down(start_stack):
    stack = start_stack(is_patient=True)
    stack.agents[0].kill()
    stack.haproxy.wait_for_server("agent1", "DOWN")
    with Load(stack.address, stack.mixed(), count=300) as load:
        load.join()
    assert load.others() == []


@pytest.mark.sanitized
def test_redis_killed_and_back(start_stack):
    stack = start_stack(agents=1, max_stale="1s")
    assert stack.fetch(user="alice").status == 200
    stack.redis.kill()
    # Known records are served up to max_stale; then nothing is.
    wait_until(lambda: stack.fetch(user="alice").status == 503, "the cache to end", 5.0)
    for user in ("alice", "bob"):
        begin = time.monotonic()
        answer = stack.fetch(user=user)
        assert answer.status == 503
        assert answer.problem()["reason"] == "store_down"
        assert time.monotonic() - begin < ANSWER_SECONDS
        assert stack.audit_of(answer.rid)["reason"] == "store_down"
    assert stack.fetch().status == 401, "needs no record"
    stack.redis.start()
    wait_until(lambda: stack.fetch(user="alice").status == 200, "the store to come back", 15.0)
    assert stack.fetch("/admin", user="alice").status == 403


@pytest.mark.sanitized
def test_redis_frozen_and_back(start_stack):
    stack = start_stack(agents=1, max_stale="1s")
    assert stack.fetch(user="alice").status == 200
    stack.redis.freeze()
    wait_until(lambda: stack.fetch(user="alice").status == 503, "the cache to end", 5.0)
    for user in ("alice", "bob"):
        begin = time.monotonic()
        answer = stack.fetch(user=user)
        assert answer.status == 503
        # The agent's own answer, not HAProxy's timeout.
        assert answer.problem()["reason"] in ("store_down", "deadline")
        assert time.monotonic() - begin < ANSWER_SECONDS
    stack.redis.thaw()
    wait_until(lambda: stack.fetch(user="alice").status == 200, "the store to come back", 15.0)


@pytest.mark.sanitized
def test_late_replies_of_a_frozen_redis_reach_nobody_else(start_stack):
    """Freezes and thaws while users with different rights ask."""
    stack = start_stack()
    with Load(stack.address, stack.mixed()) as load:
        for _ in range(3):
            stack.redis.freeze()
            seen = len(load.answers)
            wait_until(lambda seen=seen: len(load.answers) > seen + 50, "answers while frozen", 20.0)
            stack.redis.thaw()
            seen = len(load.answers)
            wait_until(lambda seen=seen: len(load.answers) > seen + 100, "answers after", 20.0)
    assert load.wrongly_allowed() == []
    assert load.statuses() <= {200, 401, 403, 503}


@pytest.mark.sanitized
def test_agent_starts_without_redis_and_recovers(start_stack):
    stack = start_stack(agents=1)
    stack.agents[0].terminate()
    stack.redis.kill()
    stack.agents[0].start(waits=False)
    wait_until(lambda: stack.fetch().status in (401, 503), "an answer")
    assert stack.fetch(user="alice").status == 503
    stack.redis.start()
    wait_until(lambda: stack.fetch(user="alice").status == 200, "allows to come back", 15.0)


def test_thousand_requests_across_an_agent_restart(start_stack):
    """One of two agents drains, ends and comes back; the other stays up."""
    stack = start_stack(is_patient=True)
    first = stack.agents[0]
    with Load(stack.address, stack.mixed(), count=1000) as load:
        wait_until(lambda: len(load.answers) > 100, "the load to begin")
        assert first.terminate() == 0
        first.start()
        load.join()
    # The restart may take longer than the requests: the way back in is watched as well.
    with Load(stack.address, stack.mixed()) as more:
        stack.haproxy.wait_for_server("agent1", "UP")
        seen = len(more.answers)
        wait_until(lambda: len(more.answers) > seen + 200, "answers after the restart")
    assert len(load.answers) == 1000
    assert load.others() == []
    assert more.others() == []


def test_case_102_drain_loses_nothing(start_stack):
    """SIGTERM under load: checks fail first, what is in flight is answered, the audit is whole."""
    stack = start_stack(is_patient=True)
    with Load(stack.address, stack.mixed(), threads=16) as load:
        for agent in stack.agents:
            seen = len(load.answers)
            wait_until(lambda seen=seen: len(load.answers) > seen + 200, "load")
            agent.signal(signal.SIGTERM)
            stack.haproxy.wait_for_server(agent.name, "DOWN", 15.0)
            assert agent.wait(30.0) == 0
            agent.start()
            stack.haproxy.wait_for_server(agent.name, "UP", 15.0)
    assert load.others() == []
    stack.terminate_agents()
    audited = [one["rid"] for one in stack.audit() if one["verdict"] == "allow"]
    assert sorted(load.allowed_rids()) == sorted(audited)


@pytest.mark.sanitized
def test_drain_ends_a_connection_that_is_never_quiet(start_stack):
    """It ends behind an answer, although the next question always follows at once."""
    stack = start_stack(agents=1, drain_delay="0")
    agent = stack.agents[0]
    with Peer.connect(agent.address) as peer:
        peer.greet()
        agent.signal(signal.SIGTERM)
        number = 0
        while not peer.is_readable(within=0.005):
            number += 1
            assert peer.ask(number, key=stack.keys["alice"])["verdict"] == "allow"
        peer.expect_disconnect(0)
    assert agent.wait() == 0
    assert "are cut" not in agent.log()


@pytest.mark.sanitized
def test_second_sigterm_ends_at_once(start_stack):
    stack = start_stack(agents=1, drain_delay="20s", drain_timeout="30s")
    agent = stack.agents[0]
    agent.signal(signal.SIGTERM)
    wait_until(lambda: "drain" in agent.log(), "the drain to begin")
    agent.signal(signal.SIGTERM)
    assert agent.wait(5.0) == 1


@pytest.mark.sanitized
def test_reload_takes_a_good_configuration_and_refuses_a_broken_one(start_stack, tmp_path):
    stack = start_stack(agents=1)
    agent = stack.agents[0]
    config = tmp_path / "reeve.conf"
    original = agent.config_path.read_text()
    config.write_text(original)
    agent.terminate()
    agent.use_config(config)
    agent.start()
    wait_until(lambda: stack.fetch(user="alice").status == 200, "allows")
    client = Client(stack.address)

    config.write_text(original + '\nno_such_option = "x"\n')
    seen = len(agent.log())
    agent.signal(signal.SIGHUP)
    wait_until(lambda: "refused" in agent.log()[seen:], "the refusal")
    assert "no_such_option" in agent.log()[seen:]
    assert client.request(key=stack.keys["alice"]).status == 200

    config.write_text(original.replace('"enforce"', '"observe"'))
    agent.signal(signal.SIGHUP)
    wait_until(lambda: client.request().status == 200, "the new gate")
    config.write_text(original)
    agent.signal(signal.SIGHUP)
    wait_until(lambda: client.request().status == 401, "the old gate")


@pytest.mark.sanitized
def test_case_103_reload_under_load_loses_nothing(start_stack):
    stack = start_stack(agents=1, is_patient=True)
    with Load(stack.address, stack.mixed()) as load:
        for _ in range(5):
            seen = len(load.answers)
            stack.agents[0].signal(signal.SIGHUP)
            wait_until(lambda seen=seen: len(load.answers) > seen + 100, "answers")
    assert load.others() == []


@pytest.mark.sanitized
def test_audit_file_is_opened_anew_on_sighup(start_stack, tmp_path):
    stack = start_stack(agents=1)
    agent = stack.agents[0]
    first = stack.fetch(user="alice").rid
    stack.audit_of(first)
    rotated = tmp_path / "rotated.jsonl"
    agent.audit_path.rename(rotated)
    agent.signal(signal.SIGHUP)
    wait_until(agent.audit_path.exists, "the new audit file")
    second = stack.fetch(user="alice").rid
    assert stack.audit_of(second)["verdict"] == "allow"
    assert first in rotated.read_text()
    assert second not in rotated.read_text()
