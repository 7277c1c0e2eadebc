"""The wall clock of a server under test."""

from harness.agent import BUILD

SHIM = BUILD / "libclock_shim.so"


class Clock:
    """A wall clock that a test sets: microseconds, added by tests/support/clock_shim.c."""

    def __init__(self, directory, name):
        self.path = directory / f"{name}.clock"
        self.step(0)

    @property
    def env(self):
        return {"LD_PRELOAD": str(SHIM), "REEVE_CLOCK_FILE": str(self.path)}

    def step(self, offset_us):
        with open(self.path, "r+b" if self.path.exists() else "wb") as out:
            out.write(int(offset_us).to_bytes(8, "little", signed=True))
