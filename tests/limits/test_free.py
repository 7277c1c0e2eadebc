"""Limits cost Redis next to nothing: a busy user, and users who are denied."""

import time

import pytest
from fleet import LIMIT, PATIENT, Fleet, Load, Population

BUSY_RATE = 10_000
CALLS_PER_REQUEST = 0.01
RATE_CALLS = 20  # of an agent in a second
HOUR_MS = 3_600_000
HANGS_S = 120
SPARE = 1.05  # of a rate that no machine holds to the last request


@pytest.fixture
def start_fleet(tmp_path):
    fleets = []

    def start(limit, **options):
        fleets.append(Fleet(tmp_path, Population({LIMIT: limit}), **PATIENT, **options))
        return fleets[-1].start()

    yield start
    for fleet in fleets:
        fleet.stop()


class Measured:
    """`rate` x `seconds` requests, that many a second or as fast as the machine gets them through:
    on a busy one it takes longer, and what is counted per second is so by the seconds it took."""

    def __init__(self, fleet, rate, seconds):
        Load(fleet, rate, HANGS_S, requests=rate).start().join()
        calls, begin = fleet.calls(), time.monotonic()
        self.load = Load(fleet, rate, HANGS_S, requests=rate * seconds).start().join()
        self.seconds = time.monotonic() - begin
        self.calls = fleet.calls() - calls
        self.asked, self.allowed = self.load.total("asked"), self.load.total("allow")
        assert self.asked == self.load.total("answered") == rate * seconds

    def __str__(self):
        each = self.calls / self.allowed if self.allowed else 0
        return (
            f"{self.calls} calls, {self.allowed} of {self.asked} admitted"
            f" in {self.seconds:.1f} s, {each:.5f} each"
        )


@pytest.mark.parametrize("agents", [pytest.param(1, marks=pytest.mark.long), 8])
def test_busy_user_of_a_large_quota(say, start_fleet, is_long, agents):
    """10,000 requests a second, a quota of 100 million a day."""
    fleet = start_fleet({"quota": 100_000_000, "per": "day"}, agents=agents)
    busy = Measured(fleet, BUSY_RATE, 10 if is_long else 3)
    say(f"busy, {agents} agents: {busy}")
    assert busy.allowed == busy.asked
    assert busy.calls <= CALLS_PER_REQUEST * busy.allowed


@pytest.mark.long
def test_busy_user_of_a_fast_rate(say, start_fleet):
    """A lease of a rate lives a tenth of a second, so each agent asks ten times and a little more."""
    agents = 8
    fleet = start_fleet({"rate": "20000/s", "burst": 20_000}, agents=agents)
    busy = Measured(fleet, BUSY_RATE, 5)
    say(f"rate: {busy}")
    # Where the machine does not keep up, leases die before anybody gets to spend them.
    assert busy.allowed >= busy.asked / SPARE or busy.seconds > 5 * SPARE
    assert busy.calls <= RATE_CALLS * agents * (busy.seconds + 1)


@pytest.mark.parametrize(
    ("what", "limit"),
    {
        "a quota that is used up": {"quota": 100, "per": "hour"},
        "a quota of nothing": {"quota": 0, "per": "hour"},
        "a slow rate": {"rate": "1/h", "burst": 3},
    }.items(),
)
def test_denied_user_costs_a_call_per_worker_and_second(say, start_fleet, is_long, what, limit):
    agents = 8
    fleet = start_fleet(limit, agents=agents)
    fleet.enter_window(HOUR_MS, 0)
    Load(fleet, 2000, 2).start().join()
    denied = Measured(fleet, 8000, 10 if is_long else 2)
    say(f"{what}: {denied}, {agents} workers")
    assert denied.load.total("throttle") + denied.load.total("deny") == denied.asked
    assert denied.calls <= agents * (denied.seconds + 1)
