"""redis-server on a free port, its data in the test's directory."""

import socket
import subprocess

from harness.net import free_address
from harness.process import Process
from harness.wait import wait_until


class Redis(Process):
    """Every write is on disk before its reply, so a killed server comes back with its data."""

    def __init__(self, directory, options=()):
        self.address = free_address()
        config = directory / "redis.conf"
        lines = [
            f"bind {self.address[0]}",
            f"port {self.address[1]}",
            f"dir {directory}",
            'save ""',
            "appendonly yes",
            "appendfsync always",
            *options,
        ]
        config.write_text("\n".join(lines) + "\n")
        super().__init__("redis", ["redis-server", str(config)], directory)

    @property
    def url(self):
        return f"redis://{self.address[0]}:{self.address[1]}/0"

    def start(self):
        super().start()
        wait_until(self.answers, "redis to answer")
        return self

    def answers(self):
        try:
            with socket.create_connection(self.address, timeout=1) as sock:
                sock.sendall(b"PING\r\n")
                return sock.recv(64).startswith((b"+PONG", b"-NOAUTH"))
        except OSError:
            return False

    def command(self, *words):
        """redis-cli, for what reeve-admin has no command for; no secrets here."""
        host, port = self.address
        done = subprocess.run(
            ["redis-cli", "-h", host, "-p", str(port), "--raw", *words],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        return done.stdout.strip()
