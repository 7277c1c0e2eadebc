"""The scripts of agent/fleet/lua, put together as CMake does it, on a clock that a test sets."""

import re

from support import ROOT

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
        words = (ttl_ms, boot, age_ms, workers, "1.0", 1700000000)
        other = self("describe", f"reeve:agent:{agent}", *words)
        self("join", "reeve:agents", ttl_ms, agent)
        return other == "1"


def commands_of(name):
    """[(command, its key)]"""
    return re.findall(r'redis\.p?call\("(\w+)"(?:, (\w+\[1\]))?', text_of(name))
