"""The table: which limit, under which load, with which fault."""

import faults
from scenario import CLOCK_STEPS, SKEWED, Scenario


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
