"""The table: which limit, under which load, with which fault; and what came of it."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import faults
import judge
from fleet import LIMIT, USER, Fleet, Load

MICRO = 1_000_000
PERIODS_MS = {"minute": 60_000, "hour": 3_600_000}
PERIODS_US = {"s": MICRO, "min": 60 * MICRO, "h": 3600 * MICRO}
# A round trip on a machine whose few cores are all busy: between an agent's reading its clock and
# Redis' reading its own.
ROUND_TRIP_US = 10_000
SHARE = 0.001
CLOCK_STEPS = ("redis +2 s", "redis -2 s")
CLOCKS = (*CLOCK_STEPS, "agents' clocks", "mixed")
SKEWED = (70, 10, 5, 5, 4, 3, 2, 1)


@dataclass
class Scenario:
    """`limit` is a quota's units or a rate's (units, per, burst); load is that many times the limit,
    spread over `seconds`, of which the first `edge` lie before the end of a window (0: all of them)."""

    name: str
    limit: object
    factor: float
    fault: str = "none"
    seconds: float = 5
    per: str = "minute"
    costs: tuple = (1,)
    edge: float = 0
    shares: tuple = None
    least: float = None  # of the limit, that must be admitted
    options: dict = field(default_factory=dict)
    tier: str = "sample"

    @property
    def cost(self):
        return sum(self.costs) / len(self.costs)

    @property
    def is_quota(self):
        return isinstance(self.limit, int)

    @property
    def record(self):
        if self.is_quota:
            return {"quota": self.limit, "per": self.per}
        units, per, burst = self.limit
        return {"rate": f"{units}/{per}", "burst": burst}

    @property
    def text(self):
        if self.is_quota:
            return f"{self.limit}/{self.per}"
        units, per, burst = self.limit
        return f"{units}/{per} burst {burst}"

    @property
    def rate(self):
        units, per, burst = self.limit
        return {"rate": units, "period_us": PERIODS_US[per], "burst": burst}


def least_of(scenario):
    """What must be admitted at saturation: 99 % from 10,000 units on, else 90 % where nobody dies."""
    fault = faults.ALL[scenario.fault]
    if scenario.least is not None:
        return scenario.least
    if not scenario.is_quota or scenario.factor < 2 or scenario.edge or scenario.fault != "none":
        return 0.0
    return 0.9 if scenario.limit < 10_000 or fault.kills else 0.99


@dataclass
class Outcome:
    scenario: Scenario
    asked: int
    admitted: int
    limit: float  # what was owed at most, in the run's time
    excess: float  # units above what was owed, at worst; at most `tolerance`
    tolerance: float
    calls: int
    strikes: int
    seconds: float
    faults_found: list

    @property
    def utilisation(self):
        return self.admitted / self.limit if self.limit else 0.0

    @property
    def calls_per_request(self):
        return self.calls / max(1, self.admitted)

    @property
    def passed(self):
        return not self.faults_found

    def row(self):
        scenario = self.scenario
        return (
            f"{scenario.name:30} {scenario.text:22} {scenario.factor:5g}x {scenario.fault:15}"
            f" {self.strikes:4} {self.asked:9} {self.admitted:8} {self.limit:10.0f}"
            f" {100 * self.utilisation:6.1f} {self.excess:9.2f} {self.calls_per_request:8.4f}"
            f" {'pass' if self.passed else 'FAIL: ' + '; '.join(self.faults_found)}"
        )


HEAD = (
    f"{'scenario':30} {'limit':22} {'load':>6} {'fault':15} {'hits':>4} {'asked':>9} {'admitted':>8}"
    f" {'owed':>10} {'used %':>6} {'over by':>9} {'calls/ok':>8} verdict"
)


def run(scenario, seed, keep=None):
    directory = Path(tempfile.mkdtemp(prefix="reeve-limits."))
    fault_kind = faults.ALL[scenario.fault]
    fleet = Fleet(
        directory, scenario.record, proxy=fault_kind.proxy, costs=scenario.costs, **scenario.options
    )
    fault = fault_kind(fleet, seed)
    try:
        outcome = _run(fleet, scenario, fault)
    finally:
        fault.release()
        fleet.stop()
    if outcome.passed or not keep:
        shutil.rmtree(directory)
    else:
        outcome.faults_found.append(f"kept in {directory}")
    return outcome


def _run(fleet, scenario, fault):
    fleet.start()
    period_ms = PERIODS_MS[scenario.per]
    fleet.enter_window(period_ms, period_ms - 1000 * scenario.edge if scenario.edge else 2000)
    if isinstance(scenario.limit, int):
        requests = round(scenario.factor * scenario.limit / scenario.cost)
        rate = round(requests / scenario.seconds)
    else:
        units, period_us = scenario.rate["rate"], scenario.rate["period_us"]
        requests = 0
        rate = max(8, round(scenario.factor * units * MICRO / period_us / scenario.cost))
    calls = fleet.calls()
    begin_us = fleet.now_us()
    load = Load(fleet, rate, scenario.seconds, requests, scenario.shares).start()
    fault.start()
    load.join()
    fault.stop()
    end_us = fleet.now_us()
    calls = fleet.calls() - calls
    fleet.terminate()
    return _judge(fleet, scenario, fault, load, calls, begin_us, end_us)


def _judge(fleet, scenario, fault, load, calls, begin_us, end_us):
    admitted = judge.read_audit(fleet.agents, LIMIT)
    total, found = judge.units(admitted), []
    told = load.total("allow")
    if told > len(admitted):
        found.append(f"{told} allowed, {len(admitted)} in the audit")
    if any(one.is_outage for one in admitted):
        found.append("admitted by an outage policy")
    if scenario.is_quota:
        limit, excess, tolerance = _judge_quota(fleet, scenario, fault, admitted, begin_us, end_us, found)
    else:
        limit, excess, tolerance = _judge_rate(fleet, scenario, fault, admitted, begin_us, end_us, found)
    if excess > tolerance and not fault.admits_more:
        found.append(f"over by {excess:.2f}")
    least = least_of(scenario)
    if total < least * limit:
        found.append(f"only {100 * total / limit:.1f} % used")
    if load.total("asked") == 0 or total == 0 and scenario.limit != 0:
        found.append("nothing was admitted")
    strikes = fault.count
    return Outcome(
        scenario, load.total("asked"), total, limit, excess, tolerance, calls, strikes,
        (end_us - begin_us) / MICRO, found,
    )  # fmt: skip


def _edges(scenario, begin_us, end_us):
    period_us = PERIODS_MS[scenario.per] * 1000
    first = begin_us // period_us + 1
    return [edge * period_us for edge in range(first, end_us // period_us + 1)]


def _judge_quota(fleet, scenario, fault, admitted, begin_us, end_us, found):
    edges = _edges(scenario, begin_us, end_us + (MICRO * 2 if scenario.fault == "redis +2 s" else 0))
    if edges and not scenario.edge:
        found.append("took longer than its window")
    windows = len(edges) + 1
    if scenario.fault in CLOCKS:
        # No one clock tells which window; the whole run is what they give together.
        excess = judge.units(admitted) - scenario.limit * windows
    else:
        excess = judge.worst_edge(admitted, edges, scenario.limit, ROUND_TRIP_US)
    if not fault.admits_more:
        _replay(fleet, f"reeve:used:{{user:{USER}}}:{LIMIT}", scenario, admitted, found)
    return scenario.limit * windows, excess, 0


def _replay(fleet, key, scenario, admitted, found):
    entries = judge.history(judge.aof_commands(fleet.directory), key)
    try:
        if scenario.is_quota:
            had = judge.replay_quota(entries, scenario.limit)
        else:
            had = judge.replay_rate(entries)
    except judge.Impossible as impossible:
        found.append(f"history: {impossible}")
        return
    over = judge.holders_overspent(had, admitted)
    if over:
        found.append(f"spent what was not granted: {over}")


def _judge_rate(fleet, scenario, fault, admitted, begin_us, end_us, found):
    rate = scenario.rate
    more = fault.more(rate)
    events = [(one.at, one.cost) for one in admitted]
    exact = {one.is_exact for one in admitted}
    per_us = rate["rate"] / rate["period_us"]
    owed = rate["burst"] + per_us * (end_us - begin_us) + more
    if not fault.admits_more:
        _replay(fleet, f"reeve:bucket:{{user:{USER}}}:{LIMIT}", scenario, admitted, found)
    if scenario.fault in CLOCK_STEPS or scenario.fault in CLOCKS and exact != {True}:
        # No one clock tells when; the whole run is one interval.
        return owed, judge.units(admitted) - owed, SHARE * owed + per_us * ROUND_TRIP_US
    excess = judge.bucket_excess(events, rate["rate"] * (1 + SHARE), rate["period_us"], rate["burst"])
    if exact == {True}:
        return owed, excess, 1e-6
    return owed, excess, per_us * ROUND_TRIP_US + SHARE * rate["burst"]


def quota(name, limit, factor, fault="none", **more):
    return Scenario(f"quota {name}", limit, factor, fault, **more)


def rate(name, limit, factor, fault="none", **more):
    return Scenario(f"rate {name}", limit, factor, fault, **{"seconds": 3, **more})


SAMPLE, LONG = "sample", "long"
LOADS = ((1, LONG), (10, SAMPLE), (100, SAMPLE))
RATE_SAMPLE = ((5, "redis +2 s"), (100, "kill -9 agents"), (100, "mixed"))
LOSSES = ("counters gone", "old counters")

TABLE = [
    *(quota("tiny", 10, factor, seconds=3, tier=tier) for factor, tier in LOADS),
    *(quota("small", 100, factor, seconds=3, tier=tier) for factor, tier in LOADS),
    quota("middle", 10_000, 1, seconds=4, tier=LONG),
    quota("middle", 10_000, 10, seconds=3),
    quota("middle", 10_000, 100, seconds=5, tier=LONG),
    quota("large", 1_000_000, 1, seconds=12, per="hour", tier=LONG),
    quota("large", 1_000_000, 2, seconds=24, per="hour", tier=LONG),
    quota("middle, skewed", 10_000, 10, shares=SKEWED, seconds=4),
    quota("small, skewed", 100, 10, shares=SKEWED, seconds=3, tier=LONG),
    quota("tiny, cost 3", 10, 10, costs=(3,), seconds=3, tier=LONG),
    quota("middle, cost 7", 10_000, 10, costs=(7,), seconds=4, tier=LONG),
    # Before the edge most is used and leases are out; after it the whole limit is asked for.
    quota("across the edge", 100, 4, edge=1, tier=LONG),
    quota("across the edge", 10_000, 4, edge=1),
    quota("across the edge", 10_000, 100, edge=4, seconds=9, tier=LONG),
    *(
        quota("middle", 10_000, 1.5, fault, seconds=4)
        for fault in faults.ALL
        if fault not in ("none", *LOSSES, *CLOCK_STEPS)
    ),
    *(
        quota("small", 100, 3, fault, seconds=6, tier=LONG)
        for fault in faults.ALL
        if fault not in ("none", *CLOCK_STEPS)
    ),
    *(
        quota("across the edge", 10_000, 4, fault, edge=1, tier=LONG)
        for fault in ("redis frozen", "redis kill -9", "replies lost", "replies late", "kill -9 agents")
    ),
    quota("across the edge", 10_000, 10, "redis +2 s", edge=2, tier=LONG),
    quota("across the edge", 10_000, 10, "redis -2 s", edge=1, tier=LONG),
    quota("across the edge", 10_000, 4, "mixed", edge=1, tier=LONG),
    quota("middle", 10_000, 2, "counters gone", seconds=4),
    quota("middle", 10_000, 2, "old counters", seconds=5, tier=LONG),
    *(
        rate(f"burst {burst}", (100, "s", burst), factor, seconds=2, tier=SAMPLE)
        for burst, factor in ((1, 100), (5, 10), (50, 10), (1000, 100))
    ),
    *(
        rate(f"burst {burst}", (100, "s", burst), factor, tier=LONG)
        for burst in (1, 5, 50, 1000)
        for factor in (1, 10, 100)
    ),
    rate("fast", (10_000, "s", 1000), 1, tier=LONG),
    rate("fast", (10_000, "s", 1000), 5, seconds=2),
    rate("fast, skewed", (10_000, "s", 1000), 5, shares=SKEWED, tier=LONG),
    rate("slow", (30, "min", 3), 50, tier=LONG),
    rate("exact, mixed costs", (100, "s", 5), 10, costs=(1, 2, 5), tier=LONG),
    rate("leased and exact", (100, "s", 50), 10, costs=(1, 1, 1, 50)),
    rate("leased and exact", (1000, "s", 1000), 5, costs=(1, 9, 950), seconds=8, tier=LONG),
    quota("middle, mixed costs", 10_000, 10, costs=(1, 7, 300), tier=LONG),
    quota("middle, two workers", 10_000, 10, options={"workers": 2}, tier=LONG),
    rate("cost 3", (100, "s", 50), 10, costs=(3,), tier=LONG),
    *(
        rate(f"burst {burst}", (200, "s", burst), 10, fault, seconds=4,
             tier=SAMPLE if (burst, fault) in RATE_SAMPLE else LONG)
        for burst in (5, 100)
        for fault in faults.ALL
        if fault not in ("none", *LOSSES)
    ),
]  # fmt: skip
