"""The table of tests/support/faultlib.c: which calls of a server fail, fall short or are late."""

import errno
import mmap
import struct

FUNCTIONS = (
    "malloc calloc realloc read recv write send sendmsg fsync fdatasync accept4 connect getrandom"
    " pthread_create getaddrinfo"
).split()
FIELDS = "calls hits first every error most delay_us kind".split()
ENTRY = struct.Struct("<4Q4q")
KINDS = {"any": 0, "socket": 1, "file": 2, "program": 3}


class Faults:
    """`env` goes into the server's environment. Without a strike nothing happens."""

    def __init__(self, library, path):
        self.env = {"LD_PRELOAD": str(library), "REEVE_FAULTS": str(path)}
        with open(path, "wb") as out:
            out.write(bytes(ENTRY.size * len(FUNCTIONS)))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)

    def _at(self, function, field):
        return ENTRY.size * FUNCTIONS.index(function) + 8 * FIELDS.index(field)

    def _get(self, function, field):
        return struct.unpack_from("<q", self.memory, self._at(function, field))[0]

    def _set(self, function, field, value):
        struct.pack_into("<q", self.memory, self._at(function, field), value)

    def calls(self, function):
        return self._get(function, "calls")

    def hits(self, function):
        return self._get(function, "hits")

    def strike(self, function, nth=1, every=0, error=0, most=0, delay_s=0.0, kind="any", is_total=False):
        """From the nth call on, counted from now or (`is_total`) from the server's start; `error` is a
        name as "ENOMEM". See faultlib.c."""
        self._set(function, "first", 0)
        number = getattr(errno, error) if error else 0
        for field, value in [
            ("every", every), ("error", number), ("most", most),
            ("delay_us", round(delay_s * 1e6)), ("kind", KINDS[kind]),
        ]:  # fmt: skip
            self._set(function, field, value)
        self._set(function, "first", nth if is_total else self.calls(function) + nth)

    def heal(self):
        for function in FUNCTIONS:
            self._set(function, "first", 0)

    def start_anew(self):
        """As if nothing had been called yet, for the next start."""
        self.memory[:] = bytes(len(self.memory))
