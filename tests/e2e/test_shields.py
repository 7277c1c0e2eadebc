"""Who fails to authenticate too often has to wait, at every agent, until it is over or an operator says
so."""

import random
import re
import signal
import zlib

import pytest
from harness.wait import wait_until

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
HERE, ELSEWHERE, THIRD = "127.0.0.2", "127.0.0.3", "127.0.0.4"


def base62(value, digits):
    text = ""
    for _ in range(digits):
        value, digit = divmod(value, 62)
        text = ALPHABET[digit] + text
    return text


def guess(keyid):
    """A well-formed key with another secret."""
    text = f"rv_{keyid}_{''.join(random.choices(ALPHABET, k=32))}"
    return f"{text}_{base62(zlib.crc32(text.encode()), 6)}"


@pytest.fixture
def stack(start_stack):
    # Long enough a wait for a machine that does something else, too.
    return start_stack(is_patient=True, failure_wait="30s")


def storm(stack, keyid, source, count=40):
    """The answers to so many guesses, one after the other; HAProxy asks its agents in turn."""
    return [stack.fetch(key=guess(keyid), source=source) for _ in range(count)]


def is_throttled(stack, keyid, source):
    return stack.fetch(key=guess(keyid), source=source).status == 429


def wait_until_all_throttle(stack, keyid, source):
    def all_do():
        return all(answer.status == 429 for answer in storm(stack, keyid, source, 6))

    wait_until(all_do, "every agent to throttle")


def test_guesses_are_throttled_by_all_agents_together(stack):
    keyid = stack.keys["alice"].split("_")[1]
    assert stack.fetch(user="alice", source=THIRD).status == 200
    answers = storm(stack, keyid, HERE)
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {401, 429}
    # Each agent has ten for itself until it hears of the other's.
    assert 10 <= statuses.count(401) <= 20
    last = answers[-1]
    assert 1 <= int(last.header("Retry-After")) <= 30
    record = stack.audit_of(last.rid)
    assert (record["verdict"], record["status"], record["reason"]) == ("throttle", 429, "too_many_failures")
    assert "user" not in record and "credential" not in record
    # Nobody else waits: the victim elsewhere, others from here.
    assert stack.fetch(user="alice", source=ELSEWHERE).status == 200
    assert stack.fetch(user="bob", source=HERE).status == 200


def test_a_restart_forgets_nothing(stack):
    keyid = stack.keys["alice"].split("_")[1]
    storm(stack, keyid, HERE)
    wait_until_all_throttle(stack, keyid, HERE)
    for agent in stack.agents:
        agent.signal(signal.SIGKILL)
        agent.wait(30.0)
        agent.start()
    stack.haproxy.wait_for_server("agent1", "UP")
    stack.haproxy.wait_for_server("agent2", "UP")
    wait_until(lambda: stack.fetch(user="bob", source=ELSEWHERE).status == 200, "agents to answer")
    # Each learns by one that fails, as soon as Redis answers. Alone they would look at all twenty.
    statuses = [answer.status for answer in storm(stack, keyid, HERE, 20)]
    assert statuses.count(429) >= 6 and statuses[-2:] == [429, 429], statuses


@pytest.mark.parametrize("by", ["user", "key", "source"])
def test_an_unlock_reaches_every_agent(stack, by):
    keyid = stack.keys["alice"].split("_")[1]
    storm(stack, keyid, HERE)
    wait_until_all_throttle(stack, keyid, HERE)
    name = {"user": "alice", "key": keyid, "source": HERE}[by]
    said = stack.admin("unlock", f"--{by}", name, "--wait=20").splitlines()
    assert re.fullmatch(rf"{by} {name}: [12] counts forgotten, agents told", said[0])
    assert re.fullmatch(r"2/2 agents, \d+ ms", said[1])
    assert [answer.status for answer in storm(stack, keyid, HERE, 8)] == [401] * 8


def test_without_redis_agents_count_alone(stack):
    keyid = stack.keys["alice"].split("_")[1]
    storm(stack, keyid, HERE, 2)
    stack.redis.kill()
    statuses = [answer.status for answer in storm(stack, keyid, HERE)]
    assert 429 in statuses and statuses[-1] == 429
    assert set(statuses) <= {401, 429, 503}


def test_stuffing_throttles_the_source(stack):
    statuses = []
    for _ in range(260):
        keyid = "".join(random.choices(ALPHABET, k=10))
        statuses.append(stack.fetch(key=guess(keyid), source=HERE).status)
    assert 100 <= statuses.count(401) <= 200 and statuses[-1] == 429
    assert stack.fetch(key=guess("Unknown000"), source=ELSEWHERE).status == 401
