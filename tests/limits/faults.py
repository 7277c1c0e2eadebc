"""What goes wrong while the load runs. Each fault is a function of the fleet, called again and again
until the load is over, and then, as `heal`, once."""

import random
import threading
import time

from chaos_proxy import ChaosProxy

MICRO = 1_000_000


class Fault:
    """`harms`: how long agents and Redis can not work, which is no time to be used up in full."""

    proxy = None
    kills = False  # units of agents die
    admits_more = False  # Redis' data or clock is not kept: measured, not asserted

    def __init__(self, fleet, seed):
        self.fleet = fleet
        self.dice = random.Random(seed)
        self.is_over = threading.Event()
        self.is_done = threading.Event()
        self.may_end = threading.Event()
        self.count = 0
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.failure = None

    def pause(self, least, most):
        """Some time of the load; true when it is over."""
        return self.is_over.wait(self.dice.uniform(least, most))

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.is_over.set()
        assert self.is_done.wait(60), "a fault hangs"
        self.heal()
        if self.failure:
            raise self.failure

    def release(self):
        """Servers die with the thread that started them (setpriv --pdeathsig), so it waits for this."""
        self.may_end.set()

    def _run(self):
        try:
            self.run()
        except Exception as failure:  # told by stop()
            self.failure = failure
        self.is_done.set()
        self.may_end.wait()

    def run(self):
        while not self.pause(0.2, 0.7):
            self.strike()
            self.count += 1

    def strike(self):
        pass

    def heal(self):
        pass

    def more(self, limit):
        """What Redis' clock lets through beyond the limit."""
        return 0


class Nothing(Fault):
    def run(self):
        pass


class Kill(Fault):
    """kill -9 of agents, and a new start."""

    kills = True

    def strike(self):
        agent = self.dice.choice(self.fleet.agents)
        agent.kill()
        self.pause(0.0, 0.3)
        agent.start(waits=False)


class Freeze(Fault):
    def strike(self):
        self.fleet.redis.freeze()
        self.pause(0.05, 1.0)
        self.fleet.redis.thaw()


class Restart(Fault):
    """kill -9 of Redis, whose writes are on disk before their replies."""

    def strike(self):
        self.fleet.restart_redis(lambda: self.pause(0.0, 0.4))
        self.pause(0.5, 1.0)


class ReadOnly(Fault):
    def strike(self):
        self.fleet.connection("REPLICAOF", "127.0.0.1", "1")
        self.pause(0.05, 0.5)
        self.fleet.connection("REPLICAOF", "NO", "ONE")


class ScriptFlush(Fault):
    def strike(self):
        for _ in range(50):
            self.fleet.connection("SCRIPT", "FLUSH")
            if self.pause(0.0, 0.02):
                return


class OutOfMemory(Fault):
    def strike(self):
        self.fleet.connection("CONFIG", "SET", "maxmemory", "1")
        self.pause(0.05, 0.5)
        self.fleet.connection("CONFIG", "SET", "maxmemory", "0")


class Lossy(Fault):
    """Replies that never come, in every way a network has."""

    proxy = ChaosProxy

    def strike(self):
        self.fleet.proxy.mode = self.dice.choice(("drop", "tear", "cut"))
        self.pause(0.01, 0.15)
        self.fleet.proxy.mode = "pass"

    def heal(self):
        assert self.fleet.proxy.lost_replies > 0, "no reply was lost"


class Slow(Fault):
    """Replies up to twice as late as the agents wait."""

    proxy = ChaosProxy

    def strike(self):
        self.fleet.proxy.delay_s = self.dice.choice((0.01, 0.05, 0.09, 0.2))
        self.pause(0.1, 0.5)
        self.fleet.proxy.delay_s = 0.0

    def heal(self):
        self.fleet.proxy.delay_s = 0.0


class WallClock(Fault):
    """The agents' wall clocks are set, by up to two hours."""

    def strike(self):
        self.fleet.clock.step(self.fleet.base_us + self.dice.randrange(-7200 * MICRO, 7200 * MICRO))


class RedisForward(Fault):
    """Redis' clock is set forward, once."""

    step_us = 2 * MICRO
    delay_s = 1.0

    def run(self):
        if not self.is_over.wait(self.delay_s):
            self.fleet.redis_clock.step(self.fleet.base_us + self.step_us)
            self.count = 1

    def more(self, limit):
        if "rate" not in limit:
            return 0
        return min(limit["rate"] * self.step_us / limit["period_us"], limit["burst"])


class RedisBack(RedisForward):
    """Redis' clock is set back, once."""

    step_us = -2 * MICRO
    delay_s = 1.5

    def more(self, limit):
        return 0


class Mixed(Fault):
    """All of it at random times, but what the agents' death and lost data do."""

    proxy = ChaosProxy
    kills = True
    KINDS = (Kill, Freeze, Restart, ReadOnly, ScriptFlush, OutOfMemory, Lossy, Slow, WallClock)

    def strike(self):
        kind = self.dice.choice(self.KINDS)
        one = kind(self.fleet, self.dice.random())
        one.is_over = self.is_over
        one.strike()


class FlushAll(Fault):
    """Counters only: the records stay. Seldom, since for a second after it nothing is granted."""

    admits_more = True

    def strike(self):
        if self.pause(0.5, 1.0):
            return
        for key in self.fleet.connection("KEYS", "reeve:used:*"):
            self.fleet.connection("DEL", key)
        for key in self.fleet.connection("KEYS", "reeve:bucket:*"):
            self.fleet.connection("DEL", key)


class OldDump(Fault):
    """The counter comes back as it was a while ago."""

    admits_more = True

    def strike(self):
        kept = {
            key: self.fleet.connection("DUMP", key)
            for pattern in ("reeve:used:*", "reeve:bucket:*")
            for key in self.fleet.connection("KEYS", pattern)
        }
        self.pause(0.3, 1.0)
        for key, dump in kept.items():
            if dump:
                self.fleet.connection("RESTORE", key, 0, dump, "REPLACE")


ALL = {
    "none": Nothing,
    "kill -9 agents": Kill,
    "redis frozen": Freeze,
    "redis kill -9": Restart,
    "READONLY": ReadOnly,
    "SCRIPT FLUSH": ScriptFlush,
    "OOM": OutOfMemory,
    "replies lost": Lossy,
    "replies late": Slow,
    "agents' clocks": WallClock,
    "redis +2 s": RedisForward,
    "redis -2 s": RedisBack,
    "mixed": Mixed,
    "counters gone": FlushAll,
    "old counters": OldDump,
}
