"""Limits cost Redis next to nothing: a busy user, and users who are denied."""

import pytest
from fleet import LIMIT, Fleet, Load, Population

BUSY_RATE = 10_000
CALLS_PER_REQUEST = 0.01
HOUR_MS = 3_600_000
SPARE = 1.05  # of a rate that no machine holds to the last request


@pytest.fixture
def start_fleet(tmp_path):
    fleets = []

    def start(limit, **options):
        fleets.append(Fleet(tmp_path, Population({LIMIT: limit}), **options))
        return fleets[-1].start()

    yield start
    for fleet in fleets:
        fleet.stop()


@pytest.mark.parametrize("agents", [pytest.param(1, marks=pytest.mark.long), 8])
def test_busy_user_of_a_large_quota(say, start_fleet, is_long, agents):
    """10,000 requests a second, a quota of 100 million a day."""
    seconds = 10 if is_long else 3
    fleet = start_fleet({"quota": 100_000_000, "per": "day"}, agents=agents)
    Load(fleet, BUSY_RATE, 1).start().join()
    before = fleet.calls()
    load = Load(fleet, BUSY_RATE, seconds).start().join()
    calls, allowed = fleet.calls() - before, load.total("allow")
    say(f"busy, {agents} agents: {calls} calls, {allowed} admitted, {calls / allowed:.5f} each")
    assert load.total("asked") == allowed == load.total("answered")
    assert allowed >= BUSY_RATE * seconds / SPARE
    assert calls <= CALLS_PER_REQUEST * allowed


@pytest.mark.long
def test_busy_user_of_a_fast_rate(say, start_fleet):
    """For the record: a lease of a rate lives a tenth of a second, so each agent asks ten times."""
    agents, seconds = 8, 5
    fleet = start_fleet({"rate": "20000/s", "burst": 20_000}, agents=agents)
    Load(fleet, BUSY_RATE, 1).start().join()
    before = fleet.calls()
    load = Load(fleet, BUSY_RATE, seconds).start().join()
    calls, allowed = fleet.calls() - before, load.total("allow")
    say(f"rate: {calls} calls, {allowed} admitted, {calls / allowed:.5f} each")
    assert allowed >= BUSY_RATE * seconds / SPARE


@pytest.mark.parametrize(
    ("what", "limit"),
    {
        "a quota that is used up": {"quota": 100, "per": "hour"},
        "a quota of nothing": {"quota": 0, "per": "hour"},
        "a slow rate": {"rate": "1/h", "burst": 3},
    }.items(),
)
def test_denied_user_costs_a_call_per_worker_and_second(say, start_fleet, is_long, what, limit):
    agents, seconds = 8, 10 if is_long else 2
    fleet = start_fleet(limit, agents=agents)
    fleet.enter_window(HOUR_MS, 0)
    Load(fleet, 2000, 2).start().join()
    before = fleet.calls()
    load = Load(fleet, 8000, seconds).start().join()
    calls, asked = fleet.calls() - before, load.total("asked")
    say(f"{what}: {calls} calls in {seconds} s for {asked} denied, {agents} workers")
    assert load.total("throttle") + load.total("deny") == asked
    assert calls <= agents * (seconds + 1)
