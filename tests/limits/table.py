"""The table: which limit, under which load, with which fault."""

import faults
from failover import failover
from outage import outage
from scenario import CLOCK_STEPS, SKEWED, Scenario
from several import several


def quota(name, limit, factor, fault="none", **more):
    return Scenario(f"quota {name}", limit, factor, fault, **more)


def rate(name, limit, factor, fault="none", **more):
    return Scenario(f"rate {name}", limit, factor, fault, **{"seconds": 3, **more})


SAMPLE, LONG = "sample", "long"
LOADS = ((1, LONG), (10, SAMPLE), (100, SAMPLE))
RATE_SAMPLE = ((5, "redis +2 s"), (100, "kill -9 agents"), (100, "mixed"))
LOSSES = ("counters gone", "old counters")
AWAY = ("redis killed", "redis hangs")
FAILOVERS = ("failover", "failover, lag", "failover, mute")
# What may happen at any time and is over soon.
BRIEF = [name for name in faults.ALL if name not in ("none", *AWAY, *FAILOVERS)]
QUOTA_OUTAGES = (("budget:2%", "redis killed"), ("allow", "redis hangs"))
RATE_OUTAGES = (("deny", "redis hangs"),)

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
        for fault in BRIEF
        if fault not in (*LOSSES, *CLOCK_STEPS)
    ),
    *(
        quota("small", 100, 3, fault, seconds=6, tier=LONG)
        for fault in BRIEF
        if fault not in CLOCK_STEPS
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
        for fault in BRIEF
        if fault not in LOSSES
    ),
    # As fast as it is answered: what nobody's clock can cut short.
    quota("large", 1_000_000, 10, seconds=300, per="hour", is_closed=True, tier=LONG),
    quota("large, cost 10", 1_000_000, 100, seconds=300, per="hour", costs=(10,), is_closed=True,
          tier=LONG),
    quota("large, cost 100", 1_000_000, 10, seconds=30, per="hour", costs=(100,), is_closed=True),
    *(
        row
        for policy in ("deny", "budget:2%", "allow")
        for fault in AWAY
        for row in (
            outage("outage", 10_000, policy, fault, 5.6, tier=LONG),
            outage("outage, used up", 4_000, policy, fault, 14, tier=LONG),
            outage("outage, edge", 10_000, policy, fault, 6.4, edge=3, seconds=8,
                   tier=SAMPLE if (policy, fault) in QUOTA_OUTAGES else LONG),
            outage("outage", (1000, "s", 2000), policy, fault, 8,
                   tier=SAMPLE if (policy, fault) in RATE_OUTAGES else LONG),
        )
    ),
    *(
        failover(limit, fault, 2, replicas, per="hour",
                 tier=SAMPLE if (limit, fault) == (30_000, "failover, mute") else LONG)
        for limit in (3000, 30_000)
        for fault in FAILOVERS
        for replicas in (0, 1)
    ),
    *(
        failover((1000, "s", 1000), fault, 5, replicas, tier=LONG)
        for fault in FAILOVERS
        for replicas in (0, 1)
    ),
    several(1500, 10),
    several(1500, 10, costs=(1, 7), tier=LONG),
    *(
        several(1500, 10, fault, tier=SAMPLE if fault == "mixed" else LONG)
        for fault in BRIEF
        if fault not in (*LOSSES, *CLOCK_STEPS)
    ),
]  # fmt: skip
