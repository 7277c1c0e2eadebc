"""What the scripts of agent/quota/lua promise, written a second time: slowly, in exact numbers.

One counter each. `calls` are {holder: (sequence, units, second)}.
"""

from fractions import Fraction
from math import ceil

MICRO = 1_000_000
PRUNE_S = 7200
HEAL_MS = 1000
LIFE_MAX_US, LIFE_MIN_US = 100_000, 10_000
EXACT_US = 1_000_000
WAIT_MAX_US = 10**15


def pruned(calls, pruned_s, now_s):
    """At most once a minute who was silent for two hours is forgotten."""
    if 0 <= now_s - pruned_s < 60:
        return calls, pruned_s
    return {name: call for name, call in calls.items() if now_s - call[2] <= PRUNE_S}, now_s


class Window:
    def __init__(self):
        self.lose()

    def lose(self):
        self.start = self.end = self.used = self.lost = self.pruned = 0
        self.calls = {}

    def _answer(self, state, now_us, call, granted=0, used=0, holders=0):
        return {
            "state": state,
            "seq": call["seq"],
            "granted": granted,
            "used": used,
            "holders": holders,
            "now": now_us,
        }

    def _run(self, now_us, call, act):
        now_ms = now_us // 1000
        start, end = call["start"], call["end"]
        if not start <= now_ms < end:
            return self._answer("window", now_us, call)
        if start >= self.end:
            self.lose()
        elif end <= self.start:
            start, end = self.start, self.end
        is_same = self.end == 0 or (call["start"], call["end"]) == (self.start, self.end)
        done, units, _ = self.calls.get(call["holder"], (0, 0, 0))
        holders = len({*self.calls, call["holder"]})
        if done > call["seq"]:
            return self._answer("stale", now_us, call, 0, self.used, holders)
        if done == call["seq"]:
            return self._answer("ok", now_us, call, units, self.used, holders)
        has_lost = done < call["last"]
        self.lost = now_ms if has_lost else min(self.lost, now_ms)
        granted = act(call, holders, now_ms, is_same, has_lost)
        self.start, self.end = start, end
        self.calls, self.pruned = pruned(self.calls, self.pruned, now_us // MICRO)
        self.calls[call["holder"]] = (call["seq"], granted, now_us // MICRO)
        return self._answer("ok", now_us, call, granted, self.used, holders)

    def take(self, now_us, call):
        return self._run(now_us, call, self._take)

    def adjust(self, now_us, call):
        return self._run(now_us, call, self._adjust)

    def _take(self, call, holders, now_ms, _, has_lost):
        self.used = max(self.used, call["seen"]) if has_lost else self.used
        left, granted = call["limit"] - self.used, 0
        if left >= call["least"] and now_ms - self.lost >= HEAL_MS:
            granted = min(call["want"], max(call["least"], left // (2 * holders)))
        self.used += granted
        return granted

    def _adjust(self, call, holders, now_ms, is_same, has_lost):
        back = call["back"] if is_same else 0
        least = max(self.used, call["seen"] - back) if has_lost else max(0, self.used - back)
        self.used = least + call["owed"]
        return 0


class Bucket:
    """`debt` is exact: a Fraction of units at the instant `at`."""

    def __init__(self):
        self.lose()

    def lose(self):
        self.debt = Fraction(0)
        self.at = self.leased_until = self.exact_until = self.pruned = 0
        self.calls = {}

    @staticmethod
    def life_of(rate, period, burst):
        """Of a lease, and what of the burst it leaves; (0, 0): exact."""
        life = min(LIFE_MAX_US, burst // 10 * period // rate)
        reserve = -(-rate * life // period)
        return (0, 0) if life < LIFE_MIN_US or reserve * 10 > burst else (life, reserve)

    @staticmethod
    def late_of(call):
        """What refills in a lease's life, were there leases."""
        life = min(LIFE_MAX_US, call["burst"] // 10 * call["period"] // call["rate"])
        return ceil(Fraction(call["rate"] * life, call["period"]))

    @staticmethod
    def refilled(debt, call, elapsed):
        return max(Fraction(0), debt - Fraction(call["rate"] * max(0, elapsed), call["period"]))

    @property
    def units(self):
        """The debt as it is told and counted: what is not refilled whole counts whole."""
        return ceil(self.debt)

    def _prepare(self, now_us, call):
        late = self.refilled(self.debt + self.late_of(call), call, now_us - self.at)
        self.debt = self.refilled(self.debt, call, now_us - self.at)
        self.at = now_us
        self.leased_until = min(self.leased_until, now_us + LIFE_MAX_US)
        self.exact_until = min(self.exact_until, now_us + EXACT_US)
        done, units, _ = self.calls.get(call["holder"], (0, 0, 0))
        if done < call["last"]:
            seen = self.refilled(Fraction(call["seen"]), call, now_us - call["seen_at"])
            if ceil(seen) > self.units:
                self.debt, late = seen, seen + self.late_of(call)
        holders = len({*self.calls, call["holder"]})
        life, reserve = self.life_of(call["rate"], call["period"], call["burst"])
        if now_us < self.exact_until:
            life, reserve = 0, 0
        return done, units, holders, life, reserve, late

    def _answer(self, state, now_us, call, granted, holders, life, wait):
        return {
            "state": state,
            "seq": call["seq"],
            "granted": granted,
            "used": self.units,
            "holders": holders,
            "now": now_us,
            "life": life,
            "wait": wait,
        }

    def _finish(self, now_us, call, granted, holders, life, wait):
        self.calls, self.pruned = pruned(self.calls, self.pruned, now_us // MICRO)
        self.calls[call["holder"]] = (call["seq"], granted, now_us // MICRO)
        return self._answer("ok", now_us, call, granted, holders, life, wait)

    def wait_for(self, call, units):
        """Until the debt, counted whole, is so many units less."""
        exact = (units - (self.units - self.debt)) * Fraction(call["period"], call["rate"])
        return min(max(1, ceil(exact)), WAIT_MAX_US)

    def take(self, now_us, call):
        before = self.debt, self.at, self.leased_until, self.exact_until
        done, units, holders, life, reserve, late = self._prepare(now_us, call)
        if done >= call["seq"]:
            if done > call["seq"]:
                answer = self._answer("stale", now_us, call, 0, holders, 0, 0)
            else:
                answer = self._answer("ok", now_us, call, units, holders, life, 0)
            self.debt, self.at, self.leased_until, self.exact_until = before
            return answer
        burst, least = call["burst"], call["least"]
        if burst - reserve < least <= burst:
            self.exact_until, life, reserve = now_us + EXACT_US, 0, 0
        if life == 0 and now_us >= self.leased_until > 0:
            # Leases may have been spent as late as they died.
            self.debt, self.leased_until = late, 0
        left = burst - reserve - self.units
        if life == 0 and now_us < self.leased_until:
            return self._finish(now_us, call, 0, holders, life, self.leased_until - now_us)
        if left < least:
            return self._finish(now_us, call, 0, holders, life, self.wait_for(call, least - left))
        if life == 0:
            granted = min(call["waiting"], left)
        else:
            self.leased_until = now_us + life
            granted = min(call["want"], max(least, left // (2 * holders)))
        self.debt += granted
        return self._finish(now_us, call, granted, holders, life, 0)

    def adjust(self, now_us, call):
        before = self.debt, self.at, self.leased_until, self.exact_until
        done, _, holders, life, _, _ = self._prepare(now_us, call)
        if done >= call["seq"]:
            answer = self._answer("ok", now_us, call, 0, holders, life, 0)
            self.debt, self.at, self.leased_until, self.exact_until = before
            return answer
        units = self.units + call["owed"]
        self.debt += call["owed"] - max(0, units - 2 * call["burst"])
        return self._finish(now_us, call, 0, holders, life, 0)
