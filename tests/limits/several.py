"""Rows in which several limits apply to each request: none is over, and what one refuses costs none."""

from dataclasses import dataclass

import judge
from fleet import Population
from scenario import ROUND_TRIP_US, SHARE, Scenario, bucket_excess_of, counter_key, replay

# {user: team}. The team of three is full before any of them is; then those who are alone reach
# their own limits, and what is left of the whole is for the one who asks seldom.
TEAMS = {"u1": "t1", "u2": "t1", "u3": "t1", "u4": "t2", "u5": "t3", "u6": "t4"}
OFTEN = {"u1": 10, "u2": 10, "u3": 10, "u4": 10, "u5": 10, "u6": 1}


@dataclass
class Several(Scenario):
    """`limit` is what all may have together in an hour; the others are shares of it."""

    per: str = "hour"
    burst: int = 100

    @property
    def quotas(self):
        """{name: (scope, units)}"""
        return {
            "daily": ("user", self.limit * 20 // 100),
            "team": ("team", self.limit * 45 // 100),
            "all": ("global", self.limit),
        }

    @property
    def rate(self):
        return {"rate": self.burst, "period_us": 1_000_000, "burst": self.burst}

    @property
    def population(self):
        limits = {"burst": {"rate": f"{self.burst}/s", "burst": self.burst}}
        for name, (scope, units) in self.quotas.items():
            limits[name] = {"quota": units, "per": self.per, "scope": scope}
        users = {user: {"team": team} for user, team in TEAMS.items()}
        return Population(limits, users, self.costs, OFTEN)

    @property
    def text(self):
        return f"{super().text} and 3 more"

    @property
    def counted(self):
        return "all"

    def judge(self, run):
        if self.edges(run.begin_us, run.end_us):
            run.found.append("took longer than its window")
        worst = max(self.judge_quotas(run, name) for name in self.quotas)
        self.judge_bursts(run)
        refusing = {one.limit for one in judge.read_refusals(run.fleet.agents)}
        if self.fault == "none" and not {"burst", *self.quotas} <= refusing:
            run.found.append(f"only {sorted(refusing)} refused")
        return self.limit, worst, 0

    def judge_quotas(self, run, name):
        """No counter is over, and each has what was admitted and nothing else: a request that another
        limit refused has left nothing. Agents that were killed took what they had leased with them."""
        scope, most = self.quotas[name]
        parts, worst = {}, 0
        for one in judge.read_audit(run.fleet.agents, name):
            names = {"user": one.user, "team": TEAMS[one.user], "global": "all"}
            parts.setdefault(f"{scope}:{names[scope]}", []).append(one)
        for subject, admitted in parts.items():
            key, units = counter_key(True, name, subject), judge.units(admitted)
            used = int(run.fleet.connection.hash(key)["used"])
            if units > used or units < used and not run.fault.kills:
                run.found.append(f"{units} admitted, {used} in the counter {key}")
            replay(run, key, most, admitted)
            worst = max(worst, units - most)
        return worst

    def judge_bursts(self, run):
        admitted = judge.read_audit(run.fleet.agents, "burst")
        blur = self.burst * ROUND_TRIP_US / self.rate["period_us"] + SHARE * self.burst
        for user in TEAMS:
            own = [one for one in admitted if one.user == user]
            excess = bucket_excess_of(self.rate, own)
            if excess > blur:
                run.found.append(f"{user} over its burst by {excess:.2f}")
            replay(run, counter_key(False, "burst", f"user:{user}"), None, own)


def several(limit, factor, fault="none", **more):
    # The last seventh is for one alone, who asks seldom and may find it leased elsewhere.
    more = {"seconds": 5, "least": 0.8 if fault == "none" else None, **more}
    return Several("several limits", limit, factor, fault, **more)
