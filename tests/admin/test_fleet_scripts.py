"""The scripts by which agents are present in Redis and answer to fences, call by call."""

import pytest

from fleet import EPOCH_MS, PARTS, Fleet, commands_of
from support import ROOT, RedisError

ACL = ROOT / "contrib" / "redis-acl" / "reeve-users.conf"
KEY = "reeve:agent:a"


@pytest.fixture
def fleet(redis):
    return Fleet(redis)


def members(redis):
    flat = redis("ZRANGE", "reeve:agents", 0, -1, "WITHSCORES")
    return {name.decode(): int(score) for name, score in zip(flat[::2], flat[1::2])}


def test_a_heartbeat_describes_and_counts(fleet, redis):
    assert not fleet.beat("a", age_ms=1500, workers=3)
    assert redis.hash(KEY) == {
        "boot": "b1",
        "since": str(EPOCH_MS - 1500),
        "workers": "3",
        "version": "1.0",
        "started": "1700000000",
        "head": "head",
        "seen": str(EPOCH_MS),
    }
    assert members(redis) == {"a": EPOCH_MS + 310_000}
    assert 300_000 < redis("PTTL", KEY) <= 310_000


def test_heartbeats_move_seen_and_the_time_until_which_it_counts(fleet, redis):
    for turn in range(5):
        fleet.beat("a", age_ms=1000 * turn)
        assert members(redis) == {"a": fleet.now_ms + 310_000}
        assert redis.hash(KEY)["seen"] == str(fleet.now_ms)
        assert redis.hash(KEY)["since"] == str(EPOCH_MS)
        fleet.now_ms += 1000


def test_since_is_the_earliest_that_it_ever_amounted_to(fleet, redis):
    """A call that was late makes the process look younger than it is."""
    for late, since in ((50, 50), (5, 5), (400, 5), (0, 0)):
        fleet.now_ms = EPOCH_MS + 10_000 + late
        fleet.beat("a", age_ms=10_000)
        assert redis.hash(KEY)["since"] == str(EPOCH_MS + since)
    redis("HSET", KEY, "since", "nonsense")
    fleet.beat("a", age_ms=10_000)
    assert redis.hash(KEY)["since"] == str(fleet.now_ms - 10_000)


def test_a_process_that_follows_has_its_own_since(fleet, redis):
    fleet.beat("a")
    fleet.now_ms += 60_000
    assert fleet.beat("a", boot="b2", age_ms=10)
    assert redis.hash(KEY)["since"] == str(fleet.now_ms - 10)
    assert not fleet.beat("a", boot="b2", age_ms=10)
    assert fleet.beat("a", boot="b1", age_ms=60_000)


def test_agents_whose_time_is_over_go(fleet, redis):
    fleet.beat("a", ttl_ms=70_000)
    fleet.beat("b", ttl_ms=310_000)
    fleet.now_ms += 69_999
    fleet.beat("c")
    assert set(members(redis)) == {"a", "b", "c"}
    fleet.now_ms += 1
    fleet.beat("c")
    assert set(members(redis)) == {"b", "c"}


def test_the_set_lives_as_long_as_its_last_member(redis):
    now = redis("TIME")
    fleet = Fleet(redis, int(now[0]) * 1000 + int(now[1]) // 1000)
    fleet.beat("a", ttl_ms=310_000)
    fleet.beat("b", ttl_ms=70_000)
    assert 309_000 < redis("PTTL", "reeve:agents") <= 310_000


def test_an_acknowledgement_keeps_its_first_time(fleet, redis):
    key = "reeve:ack:0123456789abcdef"
    fleet("acknowledge", key, "a/0")
    fleet.now_ms += 3
    fleet("acknowledge", key, "a/1")
    fleet("acknowledge", key, "a/0")
    first = EPOCH_MS * 1000
    assert redis.hash(key) == {"a/0": str(first), "a/1": str(first + 3000)}
    assert 59_000 < redis("PTTL", key) <= 60_000


def test_who_leaves_is_gone(fleet, redis):
    fleet.beat("a")
    fleet.beat("b")
    assert fleet("leave", "reeve:agents", "a") == "1"
    assert fleet("erase", KEY, "b1") == "1"
    assert set(members(redis)) == {"b"} and redis("EXISTS", KEY) == 0
    assert fleet("leave", "reeve:agents", "a") == "0"
    assert fleet("erase", KEY, "b1") == "0"


def test_who_leaves_does_not_erase_who_followed(fleet, redis):
    fleet.beat("a", boot="b2")
    assert fleet("erase", KEY, "b1") == "0"
    assert redis("EXISTS", KEY) == 1


def test_another_type_is_an_error_and_changes_nothing(fleet, redis):
    for name, arguments in (
        ("describe", (1000, "b", 0, 1, "v", 1)),
        ("join", (1000, "a")),
        ("acknowledge", ("a/0",)),
        ("leave", ("a",)),
        ("erase", ("b",)),
    ):
        redis("SET", "reeve:x", "1")
        with pytest.raises(RedisError, match="WRONGTYPE"):
            fleet(name, "reeve:x", *arguments)
        assert redis("GET", "reeve:x") == b"1"


def test_every_key_is_declared_and_every_command_is_allowed():
    """So that they run in a Cluster and under contrib/'s ACL."""
    (user,) = [line for line in ACL.read_text().splitlines() if line.startswith("user reeve-agent ")]
    allowed = {word[1:].upper() for word in user.split() if word.startswith("+")}
    for name in PARTS:
        calls = commands_of(name)
        assert calls and {command for command, _ in calls} <= allowed, name
        assert {key for command, key in calls if command != "TIME"} == {"KEYS[1]"}
