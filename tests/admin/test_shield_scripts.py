"""The scripts by which agents count failed authentications together, held to agent/shield/count.h."""

import random
import re

import pytest

from fleet import CLOCK
from support import ROOT, RedisError

ACL = ROOT / "contrib" / "redis-acl" / "reeve-users.conf"
LUA = ROOT / "agent" / "shield" / "lua"
KEY = "reeve:failed:any:00112233445566778899aabb"
SECOND = 1_000_000
# Far in the future, so that no key expires while a test runs.
EPOCH_US = 4_102_444_800 * SECOND
RULE = {"interval": 90 * SECOND, "wait": SECOND, "longest": 900 * SECOND, "free": 10}


def text_of(name):
    return (LUA / f"{name}.lua").read_text()


class Model:
    """count.h once more."""

    def __init__(self, rule):
        self.rule, self.clear, self.until = rule, 0, 0

    def fail(self, at):
        if at < self.until:
            return
        interval, free = self.rule["interval"], self.rule["free"]
        self.clear = max(self.clear, at) + interval
        steps = -((at - self.clear) // interval) - free
        if steps < 0:
            return
        wait, step = self.rule["wait"], 0
        while step < steps and wait < self.rule["longest"]:
            wait, step = wait * 2, step + 1
        wait = min(wait, self.rule["longest"])
        self.until = at + wait
        self.clear = min(self.clear, at + (free + step) * interval) + wait


class Failing:
    def __init__(self, redis):
        self.redis, self.now = redis, EPOCH_US

    def __call__(self, failures=1, age=0, left=0, waits=0, rule=RULE, key=KEY):
        """(left, wait)"""
        text = text_of("fail").replace(CLOCK, "{ ARGV[#ARGV - 1], ARGV[#ARGV] }")
        words = (failures, age, left, waits, *rule.values(), *divmod(self.now, SECOND))
        flat = self.redis("EVAL", text, 1, key, *words)
        assert flat[::2] == [b"left", b"wait"] and all(item.isdigit() for item in flat[1::2])
        return int(flat[1]), int(flat[3])


@pytest.fixture
def failing(redis):
    return Failing(redis)


def test_waits_double_up_to_the_longest(failing):
    assert [failing()[1] for _ in range(10)] == [0] * 9 + [SECOND]
    wait = SECOND
    for _ in range(14):
        assert failing()[1] == wait, "what fails while it waits makes it no longer"
        failing.now += wait
        wait = min(2 * wait, 900 * SECOND)
        assert failing()[1] == wait


def test_it_counts_as_the_agents_do(failing):
    chance = random.Random(1)
    for turn in range(30):
        rule = {
            # Redis forgets by its own clock: long enough for a machine that stands still.
            "interval": chance.choice([5 * SECOND, 9 * SECOND, 90 * SECOND]),
            "wait": chance.choice([3 * SECOND, 10 * SECOND]),
            "longest": chance.choice([10_000, 900 * SECOND, 86_400 * SECOND]),
            "free": chance.choice([1, 2, 10, 100]),
        }
        model = Model(rule)
        key = f"{KEY}{turn}"
        for _ in range(60):
            failures = chance.choice([1, 1, 1, 3, 50])
            for _ in range(failures):
                model.fail(failing.now)
            left, wait = failing(failures, rule=rule, key=key)
            assert wait == max(0, model.until - failing.now)
            assert left == max(0, model.clear - failing.now)
            failing.now += chance.choice([0, 1, 10_000, wait, wait, 100 * SECOND])


def test_a_question_changes_nothing(failing, redis):
    assert failing(0) == (0, 0)
    assert redis("EXISTS", KEY) == 0
    failing(9)
    before = redis.hash(KEY)
    for _ in range(20):
        assert failing(0, left=10**12, waits=10**12) == (9 * RULE["interval"], 0)
    assert redis.hash(KEY) == before


def test_what_an_agent_counted_alone_is_no_less(failing):
    """The store was away, or lost its data."""
    assert failing(3, left=15 * RULE["interval"], waits=64 * SECOND) == (
        15 * RULE["interval"],
        64 * SECOND,
    )
    assert failing(0) == (15 * RULE["interval"], 64 * SECOND)


def test_no_wait_is_longer_than_the_longest(failing, redis):
    assert failing(1, waits=10**12)[1] == 900 * SECOND
    redis("HSET", KEY, "until", EPOCH_US + 10**12)
    assert failing(0)[1] == 900 * SECOND, "a clock that was set back"


def test_failures_count_from_when_they_were(failing):
    assert failing(10, age=SECOND // 2)[1] == SECOND // 2
    assert failing(0)[1] == SECOND // 2


def test_what_does_not_parse_counts_as_nothing(failing, redis):
    redis("HSET", KEY, "clear", "x", "until", "99999999999999999")
    assert failing(0) == (0, 0)
    assert failing(1) == (RULE["interval"], 0)
    assert set(redis.hash(KEY)) == {"clear", "until"}


def test_another_type_is_an_error_and_changes_nothing(failing, redis):
    redis("SET", KEY, "1")
    with pytest.raises(RedisError, match="WRONGTYPE"):
        failing()
    assert redis("GET", KEY) == b"1"


def test_a_key_lives_as_long_as_it_means_something(redis):
    words = (1, 0, 0, 0, *RULE.values())
    redis("EVAL", text_of("fail"), 1, KEY, *words)
    assert 89_000 < redis("PTTL", KEY) <= 90_001
    for _ in range(9):
        redis("EVAL", text_of("fail"), 1, KEY, *words)
    assert 890_000 < redis("PTTL", KEY) <= 901_001


def test_forgiving_deletes(failing, redis):
    failing(3)
    assert redis("EVAL", text_of("forgive"), 1, KEY) == [b"gone", b"1"]
    assert redis("EXISTS", KEY) == 0
    assert redis("EVAL", text_of("forgive"), 1, KEY) == [b"gone", b"0"]


def test_the_first_salt_stays(redis):
    for offered in ("a1" * 16, "b2" * 16):
        flat = redis("EVAL", text_of("salt"), 1, "reeve:failed:salt", offered)
        assert flat == [b"salt", b"a1" * 16]
    assert redis("TTL", "reeve:failed:salt") == -1


def test_every_key_is_declared_and_every_command_is_allowed():
    """So that they run in a Cluster and under contrib/'s ACL."""
    (user,) = [line for line in ACL.read_text().splitlines() if line.startswith("user reeve-agent ")]
    allowed = {word[1:].upper() for word in user.split() if word.startswith("+")}
    for name in ("fail", "forgive", "salt"):
        calls = re.findall(r'redis\.p?call\("(\w+)"(?:, (\w+\[1\]))?', text_of(name))
        assert calls and {command for command, _ in calls} <= allowed, name
        assert {key for command, key in calls if command != "TIME"} == {"KEYS[1]"}
    assert "~reeve:failed:*" in user.split()
