"""The four scripts of limits, call by call, against an exact model, and against what is promised.

Bounds, where Redis keeps its data and its clock does not go forward by itself:

quota   Over a counter's window, grants less returns <= the limit.
rate    A leased grant of n units may be spent at any instant of [g, g + life], an exact one at g.
        However they are spent, over every interval of T: units <= burst + rate x T. That is why
        leases come from burst - reserve, with reserve = ceil(rate x life): what is spent within T
        was granted within T + life.
A step of Redis' clock by d forward adds at most min(rate x d, burst); one backward adds nothing.
"""

import random
import re
from fractions import Fraction
from pathlib import Path

import pytest
from harness.resp import RedisError
from model import Bucket, Window
from scripts import EPOCH_US, text_of

ACL = Path(__file__).resolve().parents[2] / "contrib" / "redis-acl" / "reeve-users.conf"
SECOND = 1_000_000
SEEDS = range(12)
MORE_SEEDS = range(12, 400)
NONSENSE = [
    "", "x", "-1", "+1", " 1", "1 ", "1e3", "0x10", "1.5", "inf", "nan", "\0", "٣",
    "9223372036854775808", "9007199254740992", "9007199254740993", "99999999999999999999", "1:2", "1:2:3:4", ":",
    "-1:2:3", "1:-2:3", "9223372036854775808:1:1", "1:9223372036854775808:1", "1e3:1:1",
]  # fmt: skip
RATES = [
    # units, period_us, burst: from one an hour to the largest
    (1, 3600 * SECOND, 1),
    (1, 3600 * SECOND, 10**9),
    (7, 60 * SECOND, 3),
    (1, SECOND, 1),
    (100, SECOND, 1),
    (100, SECOND, 5),
    (100, SECOND, 50),
    (100, SECOND, 1000),
    (1000, SECOND, 1000),
    (999_983, 3600 * SECOND, 10_007),
    (10**9, SECOND, 10**9),
    (10**9, SECOND, 1),
    (10**9, 3600 * SECOND, 999_999_937),
    (10**9, 60 * SECOND, 10**9),
]


def seeds(is_long):
    return [*SEEDS, *MORE_SEEDS] if is_long else SEEDS


def quota_call(**fields):
    call = {"holder": "a.0.1", "seq": 1, "last": 0, "limit": 100, "seen": 0, "want": 1, "least": 1}
    return {**call, "back": 0, "owed": 0, **fields}


def rate_call(rate, **fields):
    units, period, burst = rate
    call = {"holder": "a.0.1", "seq": 1, "last": 0, "rate": units, "period": period}
    call |= {"burst": burst, "seen": 0, "seen_at": 0, "want": 1, "least": 1, "waiting": 1}
    return {**call, "owed": 0, **fields}


class Counter:
    """One counter in Redis and its model; every answer of one must be the other's."""

    WORDS = {
        "window_take": ("start", "end", "limit", "seen", "want", "least"),
        "window_adjust": ("start", "end", "limit", "seen", "back", "owed"),
        "bucket_take": ("rate", "period", "burst", "seen", "seen_at", "want", "least", "waiting"),
        "bucket_adjust": ("rate", "period", "burst", "seen", "seen_at", "owed"),
    }

    def __init__(self, scripts, kind, key="reeve:used:{user:a}:l"):
        self.scripts, self.kind, self.key = scripts, kind, key
        self.model = Window() if kind == "window" else Bucket()

    def __call__(self, what, now_us, call):
        answer = self.run(what, now_us, call)
        wanted = getattr(self.model, what)(now_us, call)
        assert answer == wanted, (what, now_us - EPOCH_US, call)
        return answer

    def run(self, what, now_us, call):
        name = f"{self.kind}_{what}"
        words = [call[word] for word in ("holder", "seq", "last", *self.WORDS[name])]
        return self.scripts(name, self.key, now_us, *words)


class RehearsedCounter(Counter):
    """Before every call that call is rehearsed: it must say the same, and change nothing."""

    def __init__(self, redis, *args):
        super().__init__(*args)
        self.redis, self.is_rehearsal, self.count = redis, False, 0

    def run(self, what, now_us, call):
        before = self.redis("DUMP", self.key), self.redis("PTTL", self.key) > 0
        words = [call[word] for word in ("holder", "seq", "last", *self.WORDS[f"{self.kind}_{what}"])]
        rehearsed = self.scripts(f"rehearse_{self.kind}_{what}", self.key, now_us, *words)
        assert (self.redis("DUMP", self.key), self.redis("PTTL", self.key) > 0) == before
        answer = super().run(what, now_us, call)
        assert rehearsed == answer
        self.count += 1
        return answer


@pytest.mark.parametrize("seed", SEEDS)
def test_rehearsals_say_what_would_be_and_change_nothing(scripts, redis, seed):
    dice = random.Random(f"rehearse {seed}")
    rate = RATES[seed % len(RATES)]
    quota = RehearsedCounter(redis, scripts, "window", f"rehearse:{seed}")
    bucket = RehearsedCounter(redis, scripts, "bucket", f"rehearse:{rate}:{seed}")
    windows = QuotaHistory(quota, dice, dice.choice((0, 1, 10, 10_000)))
    buckets = RateHistory(bucket, dice, rate, costs_of("mixed", rate[2]))
    for _ in range(80):
        windows.pass_time(5 * SECOND)
        windows.step()
        buckets.pass_time()
        buckets.step()
    assert quota.count > 20 and bucket.count > 20


class Holder:
    """A worker of an agent, as seen by the scripts: it may lose replies and repeat itself."""

    def __init__(self, name):
        self.name = name
        self.seq = self.last = self.seen = self.seen_at = 0
        self.window = None
        self.units = 0
        self.lost = []  # calls whose answer it never got
        self.used_us = 0

    def wake(self, now_us):
        """After an hour of silence it counts on no memory of the store's, as agents do."""
        if abs(now_us - self.used_us) > 3600 * SECOND:
            self.lost, self.last = [], 0
        self.used_us = now_us

    def call(self, **fields):
        self.seq += 1
        known = {"holder": self.name, "seq": self.seq, "last": self.last, "seen": self.seen}
        return {**fields, **known, "seen_at": self.seen_at}

    def learn(self, answer):
        self.last, self.seen, self.seen_at = answer["seq"], answer["used"], answer["now"]

    def enter(self, window):
        if self.window != window:
            self.window, self.last, self.seen, self.units, self.lost = window, 0, 0, 0, []


class QuotaHistory:
    """Random holders on one quota. The ledger is kept apart from the model."""

    def __init__(self, counter, dice, limit, period_ms=60_000):
        self.counter, self.dice, self.limit, self.period_ms = counter, dice, limit, period_ms
        self.now_us = EPOCH_US + dice.randrange(60 * SECOND)
        self.holders = [Holder(f"a{number}.0.7") for number in range(dice.choice((1, 2, 8)))]
        self.net = 0  # of the counter's window: grants less returns
        self.stored_end = 0
        self.answered = {}  # (holder, seq, window): what it got
        self.is_whole = True

    def window(self):
        start = self.now_us // 1000 // self.period_ms * self.period_ms
        return start, start + self.period_ms

    def pass_time(self, most_us):
        self.now_us += self.dice.randrange(most_us)

    def step(self):
        holder = self.dice.choice(self.holders)
        holder.enter(self.window())
        dice = self.dice.random()
        if holder.lost and dice < 0.4:
            self.ask(holder, *holder.lost.pop(self.dice.randrange(len(holder.lost))))
        elif dice < 0.75:
            want = self.dice.choice((1, 2, 10, 100, self.limit, 10**15))
            self.ask(holder, "take", self.call(holder, want=want, least=self.dice.choice((1, 1, 3))))
        else:
            back = self.dice.randint(0, holder.units)
            holder.units -= back
            self.ask(holder, "adjust", self.call(holder, back=back))

    def call(self, holder, **fields):
        start, end = holder.window
        blank = {"start": start, "end": end, "limit": self.limit, "want": 0, "least": 1}
        return holder.call(**{**blank, "back": 0, "owed": 0, **fields})

    def ask(self, holder, what, call):
        answer = self.counter(what, self.now_us, call)
        if answer["state"] == "ok":
            self.book(what, call, answer)
        if self.dice.random() < 0.2:
            holder.lost.append((what, call))
        elif answer["state"] == "ok":
            holder.units += answer["granted"]
            if answer["seq"] > holder.last:
                holder.learn(answer)

    def book(self, what, call, answer):
        """A sequence counts once; whatever it got it gets again."""
        if call["start"] >= self.stored_end:
            self.net, self.answered = 0, {}
        self.stored_end = max(self.stored_end, call["end"])
        mark = (call["holder"], call["seq"])
        if mark in self.answered:
            assert answer["granted"] == self.answered[mark], "another answer to the same call"
        else:
            self.answered[mark] = answer["granted"]
            self.net += answer["granted"] - call["back"]
        if self.is_whole:
            assert answer["used"] == self.net, "debited or credited twice"
            assert self.net <= self.limit or answer["granted"] == 0, "over-admitted"


@pytest.mark.parametrize("limit", [0, 1, 10, 100, 10_000, 1_000_000, 10**15])
def test_quota_histories(scripts, is_long, limit):
    for seed in seeds(is_long):
        dice = random.Random(f"quota {limit} {seed}")
        counter = Counter(scripts, "window", f"q:{limit}:{seed}")
        history = QuotaHistory(counter, dice, limit)
        for _ in range(150):
            history.pass_time(SECOND)
            history.step()


def test_quota_is_used_up_to_the_last_unit(scripts):
    for holders in (1, 8, 64):
        counter = Counter(scripts, "window", f"all:{holders}")
        window = {"start": EPOCH_US // 1000, "end": EPOCH_US // 1000 + 60_000}
        granted = 0
        for turn in range(1, 2000):
            name = f"a{turn % holders}"
            call = quota_call(holder=name, seq=turn, limit=1000, want=100, **window)
            granted += counter("take", EPOCH_US + turn, call)["granted"]
        assert granted == 1000


def test_quota_histories_with_the_clock_going_back_and_forth(scripts, is_long):
    for seed in seeds(is_long):
        dice = random.Random(f"clock {seed}")
        history = QuotaHistory(Counter(scripts, "window", f"c:{seed}"), dice, 1000)
        history.now_us += 3600 * SECOND
        # What was leased in a window may come back when the clock shows another.
        history.book = Epochs(history).book
        for _ in range(200):
            history.now_us += dice.randrange(-90, 95) * SECOND if dice.random() < 0.2 else 1000
            history.step()


class Epochs:
    """Grants of a counter's window, less only what the script said it took back."""

    def __init__(self, history):
        self.history, self.net, self.end, self.seen = history, 0, 0, {}

    def book(self, what, call, answer):
        if call["start"] >= self.end:
            self.net, self.seen = 0, {}
            self.end = call["end"]
            self.window = (call["start"], call["end"])
        mark = (call["holder"], call["seq"])
        if mark in self.seen:
            return
        self.seen[mark] = True
        own = (call["start"], call["end"]) == self.window
        self.net += answer["granted"] - (call["back"] if own else 0)
        assert self.net <= self.history.limit, "granted twice"


def test_quota_return_for_another_window_is_ignored(scripts):
    """A takes in one window, B all of the next; the clock goes back, and A returns what it had."""
    counter = Counter(scripts, "window")
    first = {"start": EPOCH_US // 1000, "end": EPOCH_US // 1000 + 60_000}
    second = {"start": first["end"], "end": first["end"] + 60_000}
    counter("take", EPOCH_US, quota_call(**first, want=100, least=100))
    later = EPOCH_US + 60 * SECOND
    counter("take", later, quota_call(holder="b", **second, want=100, least=100))
    counter("adjust", later - 1, quota_call(**first, seq=2, back=100))
    answer = counter("take", later, quota_call(holder="c", **second, want=100))
    assert answer["granted"] == 0


def test_quota_returned_to_an_overlapping_window_is_ignored(scripts):
    """`per` is changed while units of the hour are out, and the minute's window is another's."""
    counter = Counter(scripts, "window")
    start = EPOCH_US // 1000 // 3_600_000 * 3_600_000
    hour = {"start": start, "end": start + 3_600_000}
    minute = {"start": start + 120_000, "end": start + 180_000}
    next_minute = {"start": start + 180_000, "end": start + 240_000}
    counter("take", minute["start"] * 1000 + 1, quota_call(**hour, want=50, least=50))
    counter("take", minute["start"] * 1000 + 2, quota_call(holder="b", **minute))
    now_us = next_minute["start"] * 1000
    answer = counter("take", now_us, quota_call(holder="b", **next_minute, seq=2, want=60, least=60))
    assert answer["granted"] == 60
    answer = counter("adjust", now_us, quota_call(**hour, seq=2, last=1, seen=50, back=50))
    assert answer["used"] == 60


@pytest.mark.parametrize("seed", SEEDS)
def test_quota_windows_that_overlap_keep_what_was_used(scripts, seed):
    """Holders disagree on the window's bounds; used falls to 0 only past the end of the stored one."""
    dice = random.Random(f"overlap {seed}")
    counter = Counter(scripts, "window", f"o:{seed}")
    now_us, used = EPOCH_US, 0
    for turn in range(1, 200):
        now_us += dice.randrange(20 * SECOND)
        period = dice.choice((60_000, 90_000, 3_600_000))
        start = now_us // 1000 // period * period
        before = counter.model.end
        call = quota_call(seq=turn, start=start, end=start + period, want=10, limit=500)
        used = (0 if start >= before else used) + counter("take", now_us, call)["granted"]
        assert counter.model.used == used <= 500


def test_quota_limit_changed_keeps_the_usage(scripts):
    counter = Counter(scripts, "window")
    window = {"start": EPOCH_US // 1000, "end": EPOCH_US // 1000 + 60_000}
    granted = []
    for seq, limit in enumerate((100, 50, 100, 150, 10, 151), start=1):
        call = quota_call(**window, seq=seq, limit=limit, want=1000, least=1)
        for extra in range(20):
            call["seq"] = seq * 100 + extra
            granted.append(counter("take", EPOCH_US, call)["granted"])
            assert sum(granted) <= 151
    assert sum(granted) == 151


def damage(redis, counter, dice, dumps):
    """Loses the counter, or puts an older one back; the model follows."""
    if dumps and dice.random() < 0.5:
        dump, model = dice.choice(dumps)
        redis("RESTORE", counter.key, 0, dump, "REPLACE")
        vars(counter.model).update(vars(model))
        counter.model.calls = dict(model.calls)
    else:
        redis("DEL", counter.key)
        counter.model.lose()


def keep(redis, counter, dumps):
    dump = redis("DUMP", counter.key)
    if dump:
        model = type(counter.model)()
        vars(model).update(vars(counter.model))
        model.calls = dict(counter.model.calls)
        dumps.append((dump, model))


def test_quota_heals_from_what_holders_saw(scripts, redis, is_long):
    """Whatever is lost: once every holder has spoken, nothing is granted above what they saw, and
    the most that is ever granted beyond the limit is what nobody told in time."""
    for seed in seeds(is_long):
        dice = random.Random(f"loss {seed}")
        counter = Counter(scripts, "window", f"h:{seed}")
        history = QuotaHistory(counter, dice, 1000)
        history.is_whole = False
        history.book = lambda what, call, answer: None
        dumps = []
        for _ in range(150):
            history.pass_time(SECOND // 10)
            history.step()
            if dice.random() < 0.1:
                keep(redis, counter, dumps)
            if dice.random() < 0.03:
                damage(redis, counter, dice, dumps)


def test_quota_lost_is_told_by_the_first_call_and_grants_nothing_for_a_second(scripts, redis):
    counter = Counter(scripts, "window")
    window = {"start": EPOCH_US // 1000, "end": EPOCH_US // 1000 + 60_000}
    counter("take", EPOCH_US, quota_call(**window, want=80, least=80))
    redis("DEL", counter.key)
    counter.model.lose()
    again = quota_call(**window, seq=2, last=1, seen=80, want=50)
    assert counter("take", EPOCH_US + 1000, again)["granted"] == 0
    other = quota_call(**window, holder="b", want=50, least=21)
    assert counter("take", EPOCH_US + SECOND // 2, other)["granted"] == 0
    last = quota_call(**window, holder="b", seq=2, last=1, want=50)
    answer = counter("take", EPOCH_US + 2 * SECOND, last)
    assert 0 < answer["granted"] <= 20 and answer["used"] <= 100


@pytest.mark.parametrize(("others", "used"), [(30, 80), (10, 60), (0, 50)])
def test_quota_units_of_a_lost_grant_are_not_given_back_to_others(scripts, redis, others, used):
    """A replica that did not know the grant was promoted, and granted to another meanwhile."""
    counter = Counter(scripts, "window")
    window = {"start": EPOCH_US // 1000, "end": EPOCH_US // 1000 + 60_000}
    dumps = []
    counter("take", EPOCH_US, quota_call(**window, holder="b", want=50, least=50))
    keep(redis, counter, dumps)
    assert counter("take", EPOCH_US, quota_call(**window, want=40, least=40))["used"] == 90
    redis("RESTORE", counter.key, 0, dumps[0][0], "REPLACE")
    vars(counter.model).update(vars(dumps[0][1]))
    counter("take", EPOCH_US, quota_call(**window, holder="c", want=others, least=others))
    answer = counter("adjust", EPOCH_US, quota_call(**window, seq=2, last=1, seen=90, back=40))
    assert answer["used"] == used


def test_quota_heals_also_when_the_clock_went_back(scripts, redis):
    counter = Counter(scripts, "window")
    window = {"start": EPOCH_US // 1000, "end": EPOCH_US // 1000 + 7_200_000}
    now_us = EPOCH_US + 3600 * SECOND
    counter("take", now_us, quota_call(**window, last=0))
    redis("DEL", counter.key)
    counter.model.lose()
    counter("take", now_us, quota_call(**window, seq=2, last=1, seen=1))
    now_us -= 1800 * SECOND
    counter("take", now_us, quota_call(**window, seq=3, last=2, seen=1))
    answer = counter("take", now_us + 2 * SECOND, quota_call(**window, seq=4, last=3, seen=1))
    assert answer["granted"] == 1


def rate_grant_fits(grants, rate):
    """The most that any interval holds above rate x T, however late leases were spent: <= burst.

    An interval counts best from where a lease dies or an exact grant is, to a grant."""
    units, period, burst = rate
    for end, _, _ in grants:
        for begin in {at + life for at, _, life in grants if at + life <= end} | {end}:
            held = sum(n for at, n, life in grants if at <= end and at + life >= begin)
            assert held <= burst + Fraction(units * (end - begin), period), (begin, end, held)


class RateHistory:
    def __init__(self, counter, dice, rate, costs):
        self.counter, self.dice, self.rate, self.costs = counter, dice, rate, costs
        self.now_us = EPOCH_US
        self.holders = [Holder(f"a{number}.0.7") for number in range(dice.choice((1, 2, 8)))]
        self.grants = []  # (when, units, life)
        self.answered = {}

    def pass_time(self):
        units, period, burst = self.rate
        full = burst * period // units + 2
        scale = self.dice.choice((period // units + 2, full // 20 + 2, full // 4 + 2))
        # Below 2^53 microseconds, the year 2255: what numbers in Lua can tell.
        self.now_us = min(self.now_us + self.dice.randrange(min(scale, 10**14)), 89 * 10**14)

    def step(self):
        holder = self.dice.choice(self.holders)
        holder.wake(self.now_us)
        if holder.lost and self.dice.random() < 0.3:
            self.ask(holder, *holder.lost.pop())
            return
        least = self.dice.choice(self.costs)
        waiting = least * self.dice.choice((1, 2, 5))
        want = max(waiting, self.dice.choice((1, self.rate[2] // 7, self.rate[2])))
        fields = rate_call(self.rate, want=want, least=least, waiting=waiting)
        self.ask(holder, "take", holder.call(**fields))

    def ask(self, holder, what, call):
        answer = self.counter(what, self.now_us, call)
        mark = (call["holder"], call["seq"])
        if answer["state"] == "ok" and mark in self.answered:
            assert answer["granted"] == self.answered[mark]
        elif answer["state"] == "ok":
            self.answered[mark] = answer["granted"]
            if answer["granted"]:
                self.grants.append((self.now_us, answer["granted"], answer["life"]))
        if self.dice.random() < 0.15:
            holder.lost.append((what, call))
        elif answer["state"] == "ok" and answer["seq"] > holder.last:
            holder.learn(answer)


def costs_of(kind, burst):
    most = max(1, burst)
    return {
        "ones": [1],
        "mixed": sorted({1, max(1, most // 10), max(1, most // 3)}),
        # More than a lease leaves of the burst: leases and exact grants in turn.
        "large": sorted({1, max(1, most // 20), most, max(1, most * 19 // 20)}),
    }[kind]


@pytest.mark.parametrize("costs", ["ones", "mixed", "large"])
@pytest.mark.parametrize("rate", RATES, ids=str)
def test_rate_histories_fit_the_bucket(scripts, is_long, rate, costs):
    for seed in seeds(is_long)[: 60 if is_long else 4]:
        dice = random.Random(f"rate {rate} {costs} {seed}")
        counter = Counter(scripts, "bucket", f"r:{rate}:{costs}:{seed}")
        history = RateHistory(counter, dice, rate, costs_of(costs, rate[2]))
        for _ in range(120):
            history.pass_time()
            history.step()
        rate_grant_fits(history.grants, rate)


def test_rate_bound_check_can_fail():
    rate = (100, SECOND, 50)
    rate_grant_fits([(0, 40, 50_000), (SECOND // 2, 50, 0)], rate)
    with pytest.raises(AssertionError):
        rate_grant_fits([(0, 51, 0)], rate)
    with pytest.raises(AssertionError):
        rate_grant_fits([(0, 45, 50_000), (50_000, 10, 0)], rate)
    with pytest.raises(AssertionError):
        rate_grant_fits([(0, 50, 0), (9_999, 1, 0)], rate)
    rate_grant_fits([(0, 50, 0), (10_000, 1, 0)], rate)


def test_rate_exact_grants_after_leases_count_them_as_spent_when_they_died(scripts):
    """45 leased, spent as they die; then exact grants may not have the whole burst at once."""
    rate = (100, SECOND, 50)
    counter = Counter(scripts, "bucket")
    first = counter("take", EPOCH_US, rate_call(rate, want=45, least=45, waiting=45))
    assert (first["granted"], first["life"]) == (45, 50_000)
    grants = [(EPOCH_US, 45, 50_000)]
    now_us, seq = EPOCH_US, 2
    for holder in "bc":
        for cost in (50, 10, 1, 1, 1, 1):
            now_us += 25_000
            call = rate_call(rate, holder=holder, seq=seq, want=cost, least=cost, waiting=cost)
            answer = counter("take", now_us, call)
            seq += 1
            if answer["granted"]:
                grants.append((now_us, answer["granted"], answer["life"]))
    assert {life for _, _, life in grants} == {0, 50_000}
    rate_grant_fits(grants, rate)


# A burst that fills in less than a microsecond is above what the clock can tell.
@pytest.mark.parametrize("rate", [rate for rate in RATES if rate[2] * rate[1] >= rate[0]], ids=str)
def test_rate_is_admitted_in_full(scripts, rate):
    """Asked whenever the last answer says it may: all that the bucket gives is had."""
    units, period, burst = rate
    counter = Counter(scripts, "bucket", f"full:{rate}")
    now_us, granted, refusals, seq = EPOCH_US, 0, 0, 0
    cost = max(1, min(burst // 10, units * 10**11 // period))
    while refusals < 20:
        seq += 1
        call = rate_call(rate, seq=seq, want=burst, least=cost, waiting=cost)
        last_us, answer = now_us, counter("take", now_us, call)
        granted += answer["granted"]
        refusals += answer["granted"] == 0
        now_us += answer["wait"]
    reserve = Bucket.life_of(units, period, burst)[1]
    most = burst - reserve + Fraction(units * (last_us - EPOCH_US), period)
    assert most - cost < granted <= most


def test_rate_exact_grant_has_the_whole_burst_once_late_leases_have_refilled(scripts):
    rate = (100, SECOND, 50)
    counter = Counter(scripts, "bucket")
    counter("take", EPOCH_US, rate_call(rate, want=45, least=45, waiting=45))
    whole = {"want": 50, "least": 50, "waiting": 50}
    early = counter("take", EPOCH_US + SECOND // 2 - 1, rate_call(rate, seq=2, **whole))
    assert (early["granted"], early["wait"]) == (0, 1)
    assert counter("take", EPOCH_US + SECOND // 2, rate_call(rate, seq=3, **whole))["granted"] == 50


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_rate_clock_steps(scripts, is_long, rate):
    """In true time: d forward adds at most min(rate x d, burst), backward nothing."""
    units, period, burst = rate
    full = burst * period // units + 2
    for seed in seeds(is_long)[:20]:
        dice = random.Random(f"step {rate} {seed}")
        history = RateHistory(Counter(scripts, "bucket", f"s:{rate}:{seed}"), dice, rate, [1])
        offset, allowed = 0, Fraction(0)
        for _ in range(80):
            history.pass_time()
            if dice.random() < 0.1:
                d = dice.randrange(-min(full, 10**14), min(full, 10**14))
                history.now_us += d
                offset += d
                if history.now_us < EPOCH_US:
                    offset += EPOCH_US - history.now_us
                    d += EPOCH_US - history.now_us
                    history.now_us = EPOCH_US
                allowed += min(Fraction(units * max(0, d), period), burst)
            before = len(history.grants)
            history.step()
            for index in range(before, len(history.grants)):
                at, n, life = history.grants[index]
                history.grants[index] = (at - offset, n, life)
        first = min((at for at, _, _ in history.grants), default=0)
        last = max((at for at, _, _ in history.grants), default=0)
        total = sum(n for _, n, _ in history.grants)
        assert total <= burst + Fraction(units * (last - first), period) + allowed


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_rate_lost_and_healed(scripts, redis, is_long, rate):
    for seed in seeds(is_long)[:20]:
        dice = random.Random(f"rate loss {rate} {seed}")
        counter = Counter(scripts, "bucket", f"l:{rate}:{seed}")
        history = RateHistory(counter, dice, rate, costs_of("mixed", rate[2]))
        history.answered = Forgetful()
        dumps = []
        for _ in range(80):
            history.pass_time()
            history.step()
            if dice.random() < 0.1:
                keep(redis, counter, dumps)
            if dice.random() < 0.05:
                damage(redis, counter, dice, dumps)


class Forgetful(dict):
    """After a loss the same call may get another answer."""

    def __contains__(self, _):
        return False


def test_rate_of_all_lost_is_what_the_holder_saw(scripts, redis):
    rate = (1, 60 * SECOND, 5)
    counter = Counter(scripts, "bucket")
    counter("take", EPOCH_US, rate_call(rate, want=5, least=5, waiting=5))
    redis("DEL", counter.key)
    counter.model.lose()
    call = rate_call(rate, seq=2, last=1, seen=5, seen_at=EPOCH_US)
    answer = counter("take", EPOCH_US + 30 * SECOND, call)
    assert (answer["granted"], answer["wait"]) == (0, 30 * SECOND)


def test_rate_settles_what_an_outage_admitted_once(scripts):
    rate = (10, SECOND, 10)
    counter = Counter(scripts, "bucket")
    owes = rate_call(rate, owed=15)
    assert counter("adjust", EPOCH_US, owes)["used"] == 15
    assert counter("adjust", EPOCH_US, owes)["used"] == 15
    assert counter("adjust", EPOCH_US, rate_call(rate, seq=2, last=1, owed=9))["used"] == 20
    assert counter("take", EPOCH_US, rate_call(rate, seq=3))["granted"] == 0


def test_rate_limits_changed_stay_in_step_with_the_model(scripts):
    for seed in SEEDS:
        dice = random.Random(f"change {seed}")
        counter = Counter(scripts, "bucket", f"ch:{seed}")
        history = RateHistory(counter, dice, dice.choice(RATES), [1])
        scale = 0
        for _ in range(60):
            if dice.random() < 0.1:
                # The fraction of a unit is of the old period; so only the units are changed here.
                units, period, _ = history.rate
                history.rate = (max(1, units // 2), period, dice.choice((1, 50, 10**6)))
                scale += 1
            history.pass_time()
            history.step()
        assert scale


def test_life_is_the_same_in_c_and_in_lua(scripts):
    """Both say min(100 ms, burst / 10 rate), rounded down, whatever a division rounds to."""
    dice = random.Random("life")
    for turn in range(3000):
        period = dice.choice((SECOND, 60 * SECOND, 3600 * SECOND))
        units = dice.choice((dice.randint(1, 10**9), dice.randint(1, 1000)))
        near = max(1, units * 10 * 10_000 // period)  # where a life is just long enough
        burst = min(10**9, dice.choice((near, near + 1, max(1, near - 1), dice.randint(1, 10**9))))
        answer = scripts("bucket_take", f"life:{turn}", EPOCH_US, "a", 1, 0, units, period, burst,
                         0, 0, 1, 1, 1)  # fmt: skip
        assert answer["life"] == Bucket.life_of(units, period, burst)[0], (units, period, burst)


WINDOW_FIELDS = ("start", "end", "used", "lost", "pruned", "reset", "h:a.0.1", "h:other", "more")
BUCKET_FIELDS = ("debt", "rem", "at", "until", "exact", "pruned", "reset", "h:a.0.1", "h:other")


def is_answer(answer, most):
    assert answer["state"] in ("ok", "bad", "window", "stale"), answer
    assert answer["granted"] <= most


@pytest.mark.parametrize("value", NONSENSE, ids=ascii)
def test_nonsense_in_any_field_is_no_error_and_never_above_the_limit(scripts, redis, value):
    window = {"start": EPOCH_US // 1000, "end": EPOCH_US // 1000 + 60_000}
    counter = Counter(scripts, "window", "n:w")
    bucket = Counter(scripts, "bucket", "n:b")
    rate = (100, SECOND, 50)
    for field in WINDOW_FIELDS:
        redis("DEL", counter.key)
        counter.run("take", EPOCH_US, quota_call(**window, want=60, least=60))
        redis("HSET", counter.key, field, value)
        for what in ("take", "adjust"):
            answer = counter.run(what, EPOCH_US + 1, quota_call(**window, seq=2, want=100, back=1))
            is_answer(answer, 41)
    for field in BUCKET_FIELDS:
        redis("DEL", bucket.key)
        bucket.run("take", EPOCH_US, rate_call(rate, want=40, least=40, waiting=40))
        redis("HSET", bucket.key, field, value)
        for seq, least in ((2, 1), (3, 50)):
            call = rate_call(rate, seq=seq, want=50, least=least, waiting=50)
            is_answer(bucket.run("take", EPOCH_US + 1, call), 10)
        is_answer(bucket.run("adjust", EPOCH_US + 1, rate_call(rate, seq=4)), 0)


MUST_BE_NUMBERS = {"window": WINDOW_FIELDS[:5], "bucket": BUCKET_FIELDS[:6]}


@pytest.mark.parametrize("kind", MUST_BE_NUMBERS)
def test_field_that_is_no_number_is_bad(scripts, redis, kind):
    window = {"start": EPOCH_US // 1000, "end": EPOCH_US // 1000 + 60_000}
    call = {**rate_call((100, SECOND, 50)), **quota_call(**window)}
    for field in MUST_BE_NUMBERS[kind]:
        for value in ("", "x", "-1", "1e3", "0x10", "9223372036854775808", str(2**53), str(2**53 + 1)):
            counter = Counter(scripts, kind, f"bad:{kind}")
            redis("DEL", counter.key)
            counter.run("take", EPOCH_US, call)
            redis("HSET", counter.key, field, value)
            for what in ("take", "adjust"):
                answer = counter.run(what, EPOCH_US + 1, {**call, "seq": 2})
                assert (answer["state"], answer["granted"]) == ("bad", 0), (field, value)


def test_largest_numbers_are_answered(scripts, redis):
    """What parses is counted with, up to 2^53, and the answer can be read."""
    rate = (1, 3600 * SECOND, 10**9)
    counter = Counter(scripts, "bucket")
    counter("take", EPOCH_US, rate_call(rate, want=10**9, least=10**9, waiting=10**9))
    call = rate_call(rate, seq=2, want=10**9, least=10**9, waiting=10**9)
    answer = counter("take", EPOCH_US + 1, call)
    assert (answer["granted"], answer["wait"]) == (0, 10**15)
    for field in ("debt", "rem", "at", "until", "exact"):
        redis("HSET", counter.key, field, 2**53 - 1)
        is_answer(counter.run("take", EPOCH_US + 2, {**call, "seq": 3}), 0)


@pytest.mark.parametrize("kind", MUST_BE_NUMBERS)
def test_wrong_type_is_bad(scripts, redis, kind):
    window = {"start": EPOCH_US // 1000, "end": EPOCH_US // 1000 + 60_000}
    call = {**rate_call((100, SECOND, 50)), **quota_call(**window)}
    counter = Counter(scripts, kind)
    for words in (("SET", counter.key, "1"), ("RPUSH", counter.key, "1"), ("ZADD", counter.key, 1, 1)):
        redis("DEL", counter.key)
        redis(*words)
        for what in ("take", "adjust"):
            assert counter.run(what, EPOCH_US, call)["state"] == "bad"


def test_counter_expires_after_its_window_and_after_it_is_full(scripts, redis):
    window = {"start": EPOCH_US // 1000, "end": EPOCH_US // 1000 + 60_000}
    counter = Counter(scripts, "window")
    counter("take", EPOCH_US + 123, quota_call(**window))
    true_ms = sum(int(part) * scale for part, scale in zip(redis("TIME"), (1000, 0.001)))
    expires = true_ms + redis("PTTL", counter.key)
    assert window["end"] + 60_000 <= expires + 50 and expires - 50 <= window["end"] + 120_000
    bucket = Counter(scripts, "bucket", "b")
    bucket("take", EPOCH_US, rate_call((10, SECOND, 100), want=100, least=100, waiting=100))
    assert 69_000 < redis("PTTL", "b") <= 130_000


def test_holders_that_are_silent_for_hours_are_forgotten(scripts, redis):
    counter = Counter(scripts, "window")
    start = EPOCH_US // 1000
    window = {"start": start, "end": start + 86_400_000, "limit": 1000}
    for number in range(20):
        counter("take", EPOCH_US, quota_call(holder=f"a{number}", **window))
    now_us = EPOCH_US + 7300 * SECOND
    assert counter("take", now_us, quota_call(**window))["holders"] == 21
    assert counter("take", now_us, quota_call(seq=2, **window))["holders"] == 1
    assert redis("HLEN", counter.key) == 6


def test_every_key_is_declared_and_every_command_is_allowed():
    """So that they run in a Cluster and under contrib/'s ACL."""
    (user,) = [line for line in ACL.read_text().splitlines() if line.startswith("user reeve-agent ")]
    allowed = {word[1:].upper() for word in user.split() if word.startswith("+")}
    for name in ("window_take", "window_adjust", "bucket_take", "bucket_adjust"):
        calls = re.findall(r'redis\.p?call\("(\w+)"(?:, (\w+\[1\]))?', text_of(name))
        calls += [("TIME", "")]  # replaced in the text
        assert len(calls) > 4 and {command for command, _ in calls} <= allowed
        assert {key for _, key in calls} == {"KEYS[1]", ""}


def test_an_argument_less_is_an_error_and_changes_nothing(scripts, redis):
    with pytest.raises(RedisError):
        redis("EVALSHA", scripts.digests["window_take"], 1, "k", "a")
    assert redis("EXISTS", "k") == 0
