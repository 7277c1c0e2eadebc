"""The scripts of agent/quota/lua, put together as CMake does it, on a clock that a test sets."""

from pathlib import Path

LUA = Path(__file__).resolve().parents[2] / "agent" / "quota" / "lua"
CLOCK = 'redis.call("TIME")'
# Far in the future, so that no key expires while a test runs.
EPOCH_US = 4_102_444_800_000_000
ANSWER = ["state", "seq", "granted", "used", "holders", "now"]
MOST = 2**53


def text_of(name):
    """Of "rehearse_<script>" too."""
    script = name.removeprefix("rehearse_")
    parts = ["rehearse"] if script != name else []
    parts += ["common", script.split("_")[0], script]
    text = "".join((LUA / f"{part}.lua").read_text() for part in parts)
    assert text.count(CLOCK) == 1, "the scripts look at the clock once"
    return text.replace(CLOCK, "{ ARGV[#ARGV - 1], ARGV[#ARGV] }")


class Scripts:
    """window_take(key, now_us, ...) and so on: run in Redis, the answer read as the agent does."""

    def __init__(self, redis):
        self.redis = redis
        names = ("window_take", "window_adjust", "bucket_take", "bucket_adjust")
        every = [prefix + name for name in names for prefix in ("", "rehearse_")]
        self.digests = {name: redis("SCRIPT", "LOAD", text_of(name)) for name in every}

    def __call__(self, name, key, now_us, *arguments):
        clock = divmod(now_us, 1_000_000)
        flat = self.redis("EVALSHA", self.digests[name], 1, key, *arguments, *clock)
        names = [item.decode() for item in flat[::2]]
        wanted = ANSWER if "window" in name else [*ANSWER, "life", "wait"]
        assert names == wanted
        values = [item.decode() for item in flat[1::2]]
        answer = {"state": values[0]}
        for field, value in zip(names[1:], values[1:]):
            assert value.isdigit() and int(value) <= MOST, f"{field}={value}"
            answer[field] = int(value)
        return answer
