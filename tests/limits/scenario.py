"""One row of the table: a limit, a load and a fault; its run, and what came of it."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import faults
import judge
from fleet import LIMIT, PATIENT, USER, Fleet, Load, Population

MICRO = 1_000_000
PERIODS_MS = {"minute": 60_000, "hour": 3_600_000}
PERIODS_US = {"s": MICRO, "min": 60 * MICRO, "h": 3600 * MICRO}
# A round trip on a machine whose few cores are all busy: between an agent's reading its clock and
# Redis' reading its own.
ROUND_TRIP_US = 10_000
SHARE = 0.001
HANGS_S = 50
CLOCK_STEPS = ("redis +2 s", "redis -2 s")
CLOCKS = (*CLOCK_STEPS, "agents' clocks", "mixed")
SKEWED = (70, 10, 5, 5, 4, 3, 2, 1)


@dataclass
class Run:
    """What happened, on the fleet's clock; judges add to `found` what is wrong with it."""

    fleet: Fleet
    fault: faults.Fault
    load: Load
    calls: int
    begin_us: int
    end_us: int
    admitted: list
    found: list = field(default_factory=list)
    note: str = ""

    @property
    def units(self):
        return judge.units(self.admitted)


@dataclass
class Scenario:
    """`limit` is a quota's units or a rate's (units, per, burst); load is that many times the limit,
    spread over `seconds`, of which the first `edge` lie before the end of a window (0: all of them).

    How a row is judged is the part that kinds of rows do in their own way."""

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
    is_closed: bool = False  # asks as fast as it is answered
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

    @property
    def fault_kind(self):
        return faults.ALL[self.fault]

    @property
    def counted(self):
        """The limit by which what was admitted is counted."""
        return LIMIT

    @property
    def population(self):
        return Population({LIMIT: self.record}, costs=self.costs)

    @property
    def load(self):
        """(requests a second, 0: as fast as it is answered; requests in all, 0: no end)."""
        if not self.is_quota:
            units, period_us = self.rate["rate"], self.rate["period_us"]
            return max(8, round(self.factor * units * MICRO / period_us / self.cost)), 0
        requests = round(self.factor * self.limit / self.cost)
        return 0 if self.is_closed else round(requests / self.seconds), requests

    @property
    def least_used(self):
        """What must be admitted at saturation: 99 % from 10,000 units on, else 90 %."""
        if self.least is not None:
            return self.least
        if not self.is_quota or self.factor < 2 or self.edge or self.fault != "none":
            return 0.0
        return 0.9 if self.limit < 10_000 else 0.99

    def edges(self, begin_us, end_us):
        """Of windows."""
        period_us = PERIODS_MS[self.per] * 1000
        first = begin_us // period_us + 1
        return [edge * period_us for edge in range(first, end_us // period_us + 1)]

    def judge(self, run):
        """(what was owed at most, units above that at worst, how many of them are no proof)"""
        if any(one.is_outage for one in run.admitted):
            run.found.append("admitted by an outage policy")
        return self.judge_quota(run) if self.is_quota else self.judge_rate(run)

    def judge_quota(self, run):
        edges = self.edges(run.begin_us, run.end_us + (MICRO * 2 if self.fault == "redis +2 s" else 0))
        if edges and not self.edge:
            run.found.append("took longer than its window")
        windows = len(edges) + 1
        if self.fault in CLOCKS:
            # No one clock tells which window; the whole run is what they give together.
            excess = run.units - self.limit * windows
        else:
            excess = judge.worst_edge(run.admitted, edges, self.limit, ROUND_TRIP_US)
        if not run.fault.admits_more:
            self.replay(run)
        return self.limit * windows, excess, 0

    def judge_rate(self, run):
        rate = self.rate
        more = run.fault.more(rate)
        exact = {one.is_exact for one in run.admitted}
        per_us = rate["rate"] / rate["period_us"]
        owed = rate["burst"] + per_us * (run.end_us - run.begin_us) + more
        if not run.fault.admits_more:
            self.replay(run)
        if self.fault in CLOCK_STEPS or self.fault in CLOCKS and exact != {True}:
            # No one clock tells when; the whole run is one interval.
            return owed, run.units - owed, SHARE * owed + per_us * ROUND_TRIP_US
        excess = bucket_excess_of(rate, run.admitted)
        if exact == {True}:
            return owed, excess, 1e-6
        return owed, excess, per_us * ROUND_TRIP_US + SHARE * rate["burst"]

    def replay(self, run):
        key = counter_key(self.is_quota)
        replay(run, key, self.limit if self.is_quota else None, run.admitted)


def counter_key(is_quota, limit=LIMIT, subject=f"user:{USER}"):
    return f"reeve:{'used' if is_quota else 'bucket'}:{{{subject}}}:{limit}"


def bucket_excess_of(rate, admitted):
    events = [(one.at, one.cost) for one in admitted]
    return judge.bucket_excess(events, rate["rate"] * (1 + SHARE), rate["period_us"], rate["burst"])


def replay(run, key, limit, admitted):
    """What Redis logged of a counter, against what its holders admitted; `limit` is a quota's."""
    entries = judge.history(judge.aof_commands(run.fleet.directory), key)
    try:
        had = judge.replay_rate(entries) if limit is None else judge.replay_quota(entries, limit)
    except judge.Impossible as impossible:
        run.found.append(f"history of {key}: {impossible}")
        return
    over = judge.holders_overspent(had, admitted)
    if over:
        run.found.append(f"spent what was not granted: {over}")



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
    faults_found: list
    note: str = ""

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
            f" {'pass' if self.passed else 'FAIL: ' + '; '.join(self.faults_found)} {self.note}".rstrip()
        )


HEAD = (
    f"{'scenario':30} {'limit':22} {'load':>6} {'fault':15} {'hits':>4} {'asked':>9} {'admitted':>8}"
    f" {'owed':>10} {'used %':>6} {'over by':>9} {'calls/ok':>8} verdict"
)


def run(scenario, seed, keep=None):
    directory = Path(tempfile.mkdtemp(prefix="reeve-limits."))
    kind = scenario.fault_kind
    options = {**(PATIENT if scenario.least_used > 0 else {}), **scenario.options}
    fleet = Fleet(directory, scenario.population, proxy=kind.proxy, **options)
    fault = kind(fleet, seed)
    try:
        outcome = _judge(scenario, _drive(scenario, fleet, fault))
    finally:
        fault.release()
        fleet.stop()
    if outcome.passed or not keep:
        shutil.rmtree(directory)
    else:
        outcome.faults_found.append(f"kept in {directory}")
    return outcome


def _drive(scenario, fleet, fault):
    fleet.start()
    period_ms = PERIODS_MS[scenario.per]
    fleet.enter_window(period_ms, period_ms - 1000 * scenario.edge if scenario.edge else 2000)
    fault.prepare()
    rate, requests = scenario.load
    calls = fleet.calls()
    begin_us = fleet.now_us()
    # Where the limit is to be used up the whole load must arrive, however long the machine takes.
    seconds = max(scenario.seconds, HANGS_S if scenario.least_used > 0 else 0)
    load = Load(fleet, rate, seconds, requests, scenario.shares).start()
    fault.start()
    load.join()
    fault.stop()
    end_us = fleet.now_us()
    calls = fleet.calls() - calls
    fleet.terminate()
    admitted = judge.read_audit(fleet.agents, scenario.counted)
    return Run(fleet, fault, load, calls, begin_us, end_us, admitted)


def _judge(scenario, run):
    total, found, told = run.units, run.found, run.load.total("allow")
    if told > len(run.admitted):
        found.append(f"{told} allowed, {len(run.admitted)} in the audit")
    limit, excess, tolerance = scenario.judge(run)
    if excess > tolerance and not run.fault.admits_more:
        found.append(f"over by {excess:.2f}")
    if total < scenario.least_used * limit:
        found.append(f"only {100 * total / limit:.1f} % used")
    asked = run.load.total("asked")
    if asked == 0 or total == 0 and scenario.limit != 0:
        found.append("nothing was admitted")
    strikes = run.fault.count
    return Outcome(
        scenario, asked, total, limit, excess, tolerance, run.calls, strikes, found, run.note
    )
