"""What goes wrong while the load runs. Each fault is a function of the fleet, called again and again
until the load is over, and then, as `heal`, once."""

import random
import shutil
import threading

import judge
from chaos_proxy import ChaosProxy
from harness.wait import wait_until

MICRO = 1_000_000
NEAR_S = 10


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

    def prepare(self):
        """What must stand before the load."""

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


def wait_until_at_work(fleet):
    """Every agent knows the user, whether Redis is there or not: it has admitted somebody."""

    def is_at_work():
        return all(b'"verdict":"allow"' in agent.audit_path.read_bytes() for agent in fleet.agents)

    wait_until(is_at_work, "every agent to be at work", 30.0)


class Away(Fault):
    """Redis goes, once and for longer than a lease lasts, and comes back with its data. Shortly before
    the end of a window, where that is near.

    From `begin_us` to `end_us` it surely is away; before that it had logged `logged_bytes`."""

    begin_us = end_us = logged_bytes = None
    client_count = 0

    def run(self):
        wait_until_at_work(self.fleet)
        wait_s = self.dice.uniform(0.5, 1.2)
        until_edge_s = (self.fleet.edge_us - self.fleet.now_us()) / MICRO
        if until_edge_s < NEAR_S:
            wait_s = max(0.0, until_edge_s - wait_s)
        if not self.is_over.wait(wait_s):
            self.client_count = self.fleet.client_count()
            self.leave_and_return()
            self.count = 1

    def leave_and_return(self):
        raise NotImplementedError

    def stay_away(self):
        self.begin_us = self.fleet.now_us()
        self.logged_bytes = judge.aof_bytes(self.fleet.directory)
        self.pause(2.0, 2.6)
        self.end_us = self.fleet.now_us()

    def heal(self):
        """What is owed is settled once the agents have found Redis again."""
        fleet, most = self.fleet, self.client_count
        wait_until(lambda: fleet.client_count() >= most, "all agents to be connected", 30.0)


class Killed(Away):
    def leave_and_return(self):
        self.fleet.restart_redis(self.stay_away)


class Hung(Away):
    def leave_and_return(self):
        self.fleet.redis.freeze()
        self.stay_away()
        self.fleet.redis.thaw()


class Failover(Fault):
    """The primary is killed and its replica, which is behind, promoted; the dead one comes back as a
    replica. Until `begin_us` the primary lived; `primary_log` is a copy of its log, and of the
    replica's own the first `logged_bytes` were the primary's."""

    proxy = ChaosProxy
    lag = (0.8, 1.2)
    begin_us = primary_log = logged_bytes = None

    def prepare(self):
        self.fleet.start_replica()

    def run(self):
        wait_until_at_work(self.fleet)
        if self.pause(0.3, 0.8):
            return
        if self.lag:
            self.fleet.link.mode = "drop"
            self.fall_behind()
        self.kill_primary()
        self.pause(0.0, 0.4)
        self.logged_bytes = self.fleet.fail_over()
        self.fleet.rejoin()
        self.count = 1

    def fall_behind(self):
        self.pause(*self.lag)

    def kill_primary(self):
        fleet = self.fleet
        fleet.earlier_calls = fleet.calls()
        fleet.redis.kill()
        self.begin_us = fleet.now_us()
        self.primary_log = fleet.directory / "primary"
        shutil.copytree(fleet.directory / "appendonlydir", self.primary_log / "appendonlydir")


class FailoverUnnoticed(Failover):
    """Those agents ask the new primary first whose calls it knows: nobody tells it what was lost."""

    def __init__(self, fleet, seed):
        super().__init__(fleet, seed)
        self.innocent, self.witnesses = fleet.agents[:2], fleet.agents[2:]

    def fall_behind(self):
        for agent in self.innocent:
            agent.freeze()
        self.pause(*self.lag)
        for agent in self.witnesses:
            agent.freeze()
        for agent in self.innocent:
            agent.thaw()

    def run(self):
        super().run()
        self.pause(0.5, 1.0)
        for agent in self.witnesses:
            agent.thaw()


class FailoverInStep(Failover):
    lag = None


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
    "redis killed": Killed,
    "redis hangs": Hung,
    "failover": FailoverInStep,
    "failover, lag": Failover,
    "failover, mute": FailoverUnnoticed,
}
