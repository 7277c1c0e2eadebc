"""Rows in which Redis goes away and comes back: what a limit's outage policy admits meanwhile."""

from dataclasses import dataclass

import judge
from scenario import ROUND_TRIP_US, SHARE, Scenario, bucket_excess_of, counter_key

# An agent knows Redis' clock by the last answer, which came at most so late (store_timeout): for so
# long about an edge its window may be the earlier one.
EDGE_US = 100_000
LIFE_US = 100_000  # of a rate's lease, at most
# How long an agent remembers that a limit was used up, and asks nobody; and a store's timeout.
MEMORY_US = 1_200_000
BUSY = ("deadline", "overload")


def by_agent(items):
    out = {}
    for item in items:
        out.setdefault(item.agent, []).append(item)
    return out


@dataclass
class Outage(Scenario):
    policy: str = "deny"

    @property
    def record(self):
        return {**super().record, "on_store_down": self.policy}

    @property
    def text(self):
        return f"{super().text} {self.policy}"

    @property
    def percent(self):
        return int(self.policy[len("budget:") : -1]) if self.policy.startswith("budget") else 0

    @property
    def is_open(self):
        return self.policy == "allow"

    def judge(self, run):
        away, found = run.fault, run.found
        if not away.count:
            found.append("redis was never away")
            return 0, 0, 0
        extra = [one for one in run.admitted if one.is_outage]
        plain = [one for one in run.admitted if not one.is_outage]
        refused = [one for one in judge.read_refusals(run.fleet.agents) if one.at > away.begin_us]
        if bool(extra) != (self.policy != "deny"):
            found.append(f"{len(extra)} admitted by {self.policy}")
        if self.policy != "allow" and not any(one.reason == "store_down" for one in refused):
            found.append("nobody was refused while redis was away")
        if self.is_open:
            self.judge_open(run, refused)
        parts = self.judge_quota if self.is_quota else self.judge_rate
        return parts(run, plain, extra, by_agent(one for one in refused if one.reason == "store_down"))

    def judge_open(self, run, refused):
        """Nobody is refused, but for what was used up before and is remembered."""
        begin_us, end_us = run.fault.begin_us + MEMORY_US, run.fault.end_us
        denied = [one for one in refused if begin_us < one.at < end_us and one.reason not in BUSY]
        down = [one for one in refused if one.reason == "store_down"]
        if denied or down:
            run.found.append(f"{len(denied) + len(down)} refused")

    # --- quotas ---

    def judge_quota(self, run, plain, extra, refused):
        away, edges = run.fault, self.edges(run.begin_us, run.end_us)
        if len(edges) != (1 if self.edge else 0):
            run.found.append(f"touched {len(edges) + 1} windows")
        elif edges and not away.begin_us < edges[0] < away.end_us:
            run.found.append("redis was not away across the edge")
        budget = self.limit * self.percent // 100
        self.judge_budgets(run, edges, budget, by_agent(extra), refused)
        self.judge_leases(run, edges, plain)
        self.judge_counter(run, edges)
        bound = self.limit + len(run.fleet.agents) * budget
        if self.is_open:
            bound = self.limit + judge.units(extra)
        return bound * (len(edges) + 1), judge.worst_edge(run.admitted, edges, bound, EDGE_US), 0

    def judge_budgets(self, run, edges, budget, extra, refused):
        """No agent admits more than its share of a window, and none refuses before that."""
        for agent, own in extra.items():
            over = 0 if self.is_open else judge.worst_edge(own, edges, budget, EDGE_US)
            if over > 0:
                run.found.append(f"{agent} admitted {over} more than its budget")
        for agent, own in refused.items():
            for begin, end in zip([0, *edges], [*edges, run.end_us]):
                times = [one.at for one in own if begin + EDGE_US < one.at < end]
                first = min(times, default=None)
                if first is None:
                    continue
                spent = [one for one in extra.get(agent, []) if begin - EDGE_US < one.at <= first]
                if judge.units(spent) < budget:
                    run.found.append(f"{agent} refused with {judge.units(spent)} of {budget} spent")

    def judge_leases(self, run, edges, plain):
        """While Redis is away nothing is spent but what it had granted before, in the same window."""
        away, key = run.fault, counter_key(True)
        if judge.worst_edge(plain, edges, self.limit, EDGE_US) > 0:
            run.found.append("leases over the limit")
        for edge in edges:
            late = [one for one in plain if edge + EDGE_US < one.at < away.end_us]
            if late:
                run.found.append(f"{len(late)} admitted by leases of an earlier window")
        commands = judge.aof_commands(run.fleet.directory, away.logged_bytes)
        try:
            granted = judge.replay_quota(judge.history(commands, key), self.limit, is_settled=True)
            entries = judge.history(judge.aof_commands(run.fleet.directory), key)
            had = judge.replay_quota(entries, self.limit, is_settled=True)
        except judge.Impossible as impossible:
            run.found.append(f"history: {impossible}")
            return
        over = judge.holders_overspent(granted, [one for one in plain if one.at < away.end_us])
        over.update(judge.holders_overspent(had, plain))
        if over:
            run.found.append(f"spent what was not granted: {over}")

    def judge_counter(self, run, edges):
        """In the last window all that was admitted stands in the counter, and nothing else."""
        begin = edges[-1] if edges else 0
        used = int(run.fleet.connection.hash(counter_key(True))["used"])
        surely = judge.units(one for one in run.admitted if one.at >= begin + EDGE_US)
        maybe = judge.units(one for one in run.admitted if one.at >= begin - EDGE_US)
        if not surely <= used <= (maybe if edges else surely):
            run.found.append(f"{surely} admitted, {used} in the counter")

    # --- rates ---

    def judge_rate(self, run, plain, extra, refused):
        away, rate = run.fault, self.rate
        per_us = rate["rate"] / rate["period_us"]
        late = [one for one in plain if away.begin_us + LIFE_US < one.at < away.end_us]
        if late:
            run.found.append(f"{len(late)} admitted by leases that were dead")
        blur = per_us * ROUND_TRIP_US + SHARE * rate["burst"]
        if bucket_excess_of(rate, plain) > blur:
            run.found.append("leases over the limit")
        gone_us = self.judge_rate_budgets(run, by_agent(extra), refused)
        self.judge_debt(run, per_us)
        owed = rate["burst"] + per_us * (run.end_us - run.begin_us)
        if self.is_open:
            owed += judge.units(extra)
        else:
            owed += len(run.fleet.agents) * self.percent / 100 * (rate["burst"] + per_us * gone_us)
        return owed, run.units - owed, blur

    def judge_rate_budgets(self, run, extra, refused):
        """An agent's budget is a bucket of its own. Gives how long the longest was used."""
        rate, gone_us = self.rate, 0
        units, burst = rate["rate"] * self.percent / 100, rate["burst"] * self.percent / 100
        for agent, own in extra.items():
            events = [(one.at, one.cost) for one in own]
            if not self.is_open and judge.bucket_excess(events, units, rate["period_us"], burst) > 1:
                run.found.append(f"{agent} admitted more than its budget")
            gone_us = max(gone_us, own[-1].at - own[0].at)
        for agent, own in refused.items():
            spent = judge.units(one for one in extra.get(agent, []) if one.at <= own[0].at)
            if spent < int(burst):
                run.found.append(f"{agent} refused with {spent} of {burst:g} spent")
        return gone_us

    def judge_debt(self, run, per_us):
        """What was admitted and is not refilled stands in the counter, up to twice the burst."""
        counter = run.fleet.connection.hash(counter_key(False))
        debt, at = int(counter["debt"]), int(counter["at"])
        least = min(
            run.units - per_us * (at - run.begin_us),
            2 * self.rate["burst"] - per_us * (at - run.fault.end_us),
        )
        if debt < least - 1:
            run.found.append(f"a debt of {debt}, not {least:.0f}")


def outage(name, limit, policy, fault, factor, **more):
    kind = "quota" if isinstance(limit, int) else "rate"
    return Outage(f"{kind} {name}", limit, factor, fault, **{"seconds": 7, **more}, policy=policy)
