"""A Redis client, for what a test has to see without redis-cli."""

import socket


class RedisError(Exception):
    pass


class Connection:
    """RESP2 on a unix socket (a path) or TCP (host and port)."""

    def __init__(self, address, timeout=10):
        is_tcp = isinstance(address, tuple)
        self.socket = socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(address if is_tcp else str(address))
        self.stream = self.socket.makefile("rb")

    def __call__(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        bulks = b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(b"*%d\r\n%s" % (len(parts), bulks))
        return self.read()

    def read(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("redis ended the connection")
        line = line[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.stream.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        return rest

    def hash(self, key):
        flat = [item.decode() for item in self("HGETALL", key)]
        return dict(zip(flat[::2], flat[1::2]))

    def snapshot(self):
        """Everything stored, as Redis would dump it."""
        return {key: self("DUMP", key) for key in sorted(self("KEYS", "*"))}

    def restore(self, snapshot):
        for key, dump in snapshot.items():
            self("RESTORE", key, 0, dump)

    def records(self):
        """The same without what reeve-admin notes of its changes."""
        return {key: dump for key, dump in self.snapshot().items() if not key.endswith(b":changes")}

    def close(self):
        self.stream.close()
        self.socket.close()
