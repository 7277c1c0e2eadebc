"""Rows in which a replica takes the place of a dead primary: what was lost, and what that lets in."""

from dataclasses import dataclass

import judge
from scenario import ROUND_TRIP_US, SHARE, Scenario, bucket_excess_of, counter_key


def used_by(entries):
    return entries[-1].used if entries else 0


@dataclass
class Failover(Scenario):
    replicas: int = 0  # that must confirm a grant

    def __post_init__(self):
        self.options = {**self.options, "grant_replicas": str(self.replicas)}

    @property
    def text(self):
        return f"{super().text} wait {self.replicas}" if self.replicas else super().text

    def judge(self, run):
        fault = run.fault
        if not fault.count:
            run.found.append("nothing failed over")
            return 0, 0, 0
        if any(one.is_outage for one in run.admitted):
            run.found.append("admitted by an outage policy")
        return (self.judge_quota if self.is_quota else self.judge_rate)(run)

    def histories(self, run):
        """(the primary's calls, how many of them the replica knew, the new primary's own)"""
        key = counter_key(self.is_quota)
        own = run.fleet.redis.directory
        primary = list(judge.history(judge.aof_commands(run.fault.primary_log), key))
        known = list(judge.history(judge.aof_commands(own, run.fault.logged_bytes), key))
        after = list(judge.history(judge.aof_commands(own), key))[len(known) :]
        marks = [(one.holder, one.seq) for one in primary]
        if [(one.holder, one.seq) for one in known] != marks[: len(known)]:
            run.found.append("the replica knew what the primary had not done")
        if run.fault.lag and len(known) == len(primary):
            run.found.append("nothing was lost")
        if not any(one.granted for one in after):
            run.found.append("the new primary granted nothing")
        return primary, len(known), after

    def judge_quota(self, run):
        if self.edges(run.begin_us, run.end_us):
            run.found.append("took longer than its window")
        primary, known, after = self.histories(run)
        for entry in after:
            if entry.granted and entry.used > self.limit:
                run.found.append(f"{entry.used} of {self.limit} granted")
        self.judge_spent(run, primary[:known] if self.replicas else primary)
        lost = used_by(primary) - used_by(primary[:known])
        bound = 0 if self.replicas else max(0, lost)
        over = max(0, run.units - self.limit)
        run.note = f"({len(primary) - known} calls lost; over by {over} of {bound})"
        return self.limit + bound, run.units - self.limit - bound, 0

    def judge_spent(self, run, known):
        """Every unit that had been spent was known; by the replica, where it had to confirm it."""
        early = [one for one in run.admitted if one.at <= run.fault.begin_us]
        try:
            over = judge.holders_overspent(judge.replay_quota(known, self.limit), early)
        except judge.Impossible as impossible:
            run.found.append(f"history: {impossible}")
            return
        if over:
            run.found.append(f"spent what was not known: {over}")

    def judge_rate(self, run):
        rate = self.rate
        per_us = rate["rate"] / rate["period_us"]
        primary, known, _ = self.histories(run)
        more = 0 if self.replicas else rate["burst"]
        excess = bucket_excess_of(rate, run.admitted)
        run.note = (
            f"({sum(one.granted for one in primary[known:])} units lost;"
            f" over by {max(0, excess):.0f} of {more})"
        )
        owed = rate["burst"] + per_us * (run.end_us - run.begin_us) + more
        return owed, excess - more, per_us * ROUND_TRIP_US + SHARE * rate["burst"]


def failover(limit, fault, factor, replicas=0, **more):
    kind = "quota" if isinstance(limit, int) else "rate"
    more = {"seconds": 6, "replicas": replicas, **more}
    return Failover(f"{kind} failover", limit, factor, fault, **more)
