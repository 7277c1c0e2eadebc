"""redis-server on a free port, its data in the test's directory, with the users that contrib ships."""

import socket
import subprocess
from pathlib import Path

from harness.net import free_address
from harness.process import Process
from harness.wait import wait_until

CONTRIB = Path(__file__).resolve().parents[3] / "contrib" / "redis-acl"
ACL = CONTRIB / "reeve-users.conf"
# Every agent of the tests has the rights that ship, and no more; what tests look at for themselves they
# see as the default user.
AGENT_USER = "reeve-agent"
AGENT_PASSWORD = "of the agents in tests"


def users(path=ACL):
    """The shipped users; the agents' has its password."""
    before, after = f"user {AGENT_USER} off resetpass", f'user {AGENT_USER} on ">{AGENT_PASSWORD}"'
    text = path.read_text()
    assert text.count(before) == 1
    return text.replace(before, after)


class Redis(Process):
    """Every write is on disk before its reply, so a killed server comes back with its data."""

    def __init__(self, directory, options=()):
        self.address = free_address()
        config = directory / "redis.conf"
        (directory / "users.conf").write_text(users())
        lines = [
            f"include {directory}/users.conf",
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
