"""The scripts of agent/fleet/lua, put together as CMake does it, on a clock that a test sets; and
agents that are made of them."""

import re
import socket
import threading
import time

from support import ROOT, Connection

LUA = ROOT / "agent" / "fleet" / "lua"
CLOCK = 'redis.call("TIME")'
PARTS = {
    "describe": ("clock", "describe"),
    "join": ("clock", "join"),
    "acknowledge": ("clock", "acknowledge"),
    "leave": ("leave",),
    "erase": ("erase",),
}
# Far in the future, so that no key expires while a test runs.
EPOCH_MS = 4_102_444_800_000


def text_of(name):
    return "".join((LUA / f"{part}.lua").read_text() for part in PARTS[name])


def server_ms(redis):
    seconds, us = redis("TIME")
    return int(seconds) * 1000 + int(us) // 1000


class Fleet:
    """run(script, key, argument...): the one value of its answer."""

    def __init__(self, redis, now_ms=EPOCH_MS):
        self.redis, self.now_ms = redis, now_ms

    def __call__(self, name, key, *arguments):
        text = text_of(name).replace(CLOCK, "{ ARGV[#ARGV - 1], ARGV[#ARGV] }")
        seconds, ms = divmod(self.now_ms, 1000)
        flat = self.redis("EVAL", text, 1, key, *arguments, seconds, ms * 1000)
        assert len(flat) == 2 and all(isinstance(item, bytes) for item in flat)
        return flat[1].decode()

    def beat(self, agent, boot="b1", age_ms=0, ttl_ms=310_000, workers=1):
        """One heartbeat, both halves: whether another process has the name."""
        words = (ttl_ms, boot, age_ms, workers, "1.0", 1700000000, "head")
        other = self("describe", f"reeve:agent:{agent}", *words)
        self("join", "reeve:agents", ttl_ms, agent)
        return other == "1"


def commands_of(name):
    """[(command, its key)]"""
    return re.findall(r'redis\.p?call\("(\w+)"(?:, (\w+\[1\]))?', text_of(name))


class Acker:
    """Acknowledges every fence as agents would, told of by keyspace events.

    `acks(agent, worker)` says after how many seconds, None: never. `fences` are the keys seen."""

    def __init__(self, path, agents, acks=lambda agent, worker: 0):
        self.path, self.agents, self.acks = path, agents, acks
        self.fences = []
        self.events = Connection(path)
        self.events("CONFIG", "SET", "notify-keyspace-events", "K$")
        self.events("PSUBSCRIBE", "__keyspace@*__:*~fence:*")
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        redis = Connection(self.path)
        while True:
            try:
                _, _, channel, _ = self.events.read()
            except (OSError, ValueError, ConnectionError):
                return
            fence = channel.decode().partition(":")[2]
            self.fences.append(fence)
            due = [
                (delay, f"{agent}/{worker}")
                for agent, workers in self.agents.items()
                for worker in range(workers)
                if (delay := self.acks(agent, worker)) is not None
            ]
            began = time.monotonic()
            for delay, member in sorted(due):
                time.sleep(max(0, began + delay - time.monotonic()))
                redis("EVAL", text_of("acknowledge"), 1, f"reeve:ack:{fence.split(':')[-1]}", member)

    def stop(self):
        self.events.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.events.close()
