"""One Redis, some agents, no HAProxy; users with a key each, all of whom ask every agent all the time.

What an agent let in is read from its audit: each decision stands there with the monotonic clock, which
all processes of a machine share.
"""

import hashlib
import json
import signal
import subprocess
import threading
import time

from harness import apikey
from harness.admin import Admin
from harness.agent import BUILD, Agent
from harness.redis import Redis
from harness.resp import Connection
from harness.wait import wait_until

HOST, FRONTEND = "api.example.com", "api"
AGENT_OPTIONS = {"drain_delay": "0", "log_level": "info"}


def mono_us():
    return time.monotonic_ns() // 1000


def key_id(number):
    return f"K{number:09d}"


def key_text(number):
    return apikey.with_checksum(f"rv_{key_id(number)}_{'m' * 32}")


class Crowd:
    """`proxy(address)` gives a proxy to stand between the agents and Redis; `gates` is the text of a
    configuration in place of that of api-keys/."""

    def __init__(
        self, directory, agents=4, users=8, proxy=None, redis_options=(), gates=None, **options
    ):
        self.directory = directory
        self.users = range(users)
        self.redis = Redis(directory, ["unixsocket redis.sock", *redis_options])
        self.proxy = proxy(self.redis.address) if proxy else None
        host, port = self.proxy.address if proxy else self.redis.address
        url = f"redis://{host}:{port}/0"
        self.agents = [
            Agent(f"a{number}", "api-keys", directory, url, **{**AGENT_OPTIONS, **options})
            for number in range(agents)
        ]
        if gates:
            (directory / "gates.conf").write_text(gates)
            for agent in self.agents:
                agent.use_config(directory / "gates.conf")
        self.admin = Admin(self.redis.url)
        self.requests = directory / "requests.tsv"
        self.requests.write_text(
            "".join(
                f"GET\t{HOST}\t/v1/orders/7\t{key_text(number)}\t192.0.2.1\t*\n"
                for number in self.users
            )
        )
        self.loads = []

    def start(self):
        self.redis.start()
        self.store = Connection(self.directory / "redis.sock")
        self.store("HSET", "reeve:role:r", "rule:1", "allow GET * /v1/orders/**")
        for number in self.users:
            digest = hashlib.sha256(key_text(number).encode()).hexdigest()
            self.store("HSET", f"reeve:user:{{u{number}}}", "state", "active", "roles", "r")
            self.store(
                "HSET", f"reeve:key:{key_id(number)}",
                "user", f"u{number}", "state", "active", "hash", f"sha256:{digest}",
            )  # fmt: skip
        for agent in self.agents:
            agent.start(waits=False)
        for agent in self.agents:
            wait_until(agent.is_ready, f"{agent.name} to be ready", 30.0)
        self.wait_until_told()
        return self

    def wait_until_told(self, agents=None, times=1):
        """Until each worker of the agents is told of changes, so many times since the log began."""
        for agent in agents or self.agents:
            workers = int(agent.settings.get("workers", 1))
            wait_until(
                lambda a=agent, n=workers * times: a.log().count("tells of changes") >= n,
                f"{agent.name} to follow",
            )

    def load(self, rate, seconds, agents=None):
        """From all users, `rate` requests a second for each agent."""
        load = Load(self, rate, seconds, agents or self.agents)
        self.loads.append(load)
        return load.start()

    def terminate(self):
        """Ends the agents well, so that the audit is whole."""
        for agent in self.agents:
            agent.signal(signal.SIGTERM)
        for agent in self.agents:
            assert agent.wait(30.0) == 0, agent.log()

    def decisions(self):
        """[(mono_us, user's number, verdict, reason)] of all agents, sorted; -1: of no known user."""
        found = []
        for agent in self.agents:
            for record in agent.audit():
                if "mono_us" in record:
                    number = int(record.get("credential", "key:K-1").removeprefix("key:K"))
                    found.append((record["mono_us"], number, record["verdict"], record["reason"]))
        return sorted(found)

    def stop(self):
        for load in self.loads:
            load.stop()
        for process in [*self.agents, self.redis]:
            process.stop()
        if self.proxy:
            self.proxy.stop()


class Load:
    def __init__(self, crowd, rate, seconds, agents):
        self.children = []
        self.words = [
            "--file", str(crowd.requests), "--frontend", FRONTEND, "--rate", str(rate),
            "--seconds", str(seconds), "--connections", "2", "--window", "64",
        ]  # fmt: skip
        self.agents = agents
        self.timeout = seconds + 60
        self.results = []

    def start(self):
        for agent in self.agents:
            host, port = agent.address
            words = [str(BUILD / "spopload"), "--connect", f"tcp://{host}:{port}", *self.words]
            self.children.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        return self

    def join(self):
        """Gives each agent's results, as spopload tells them."""
        for child in self.children:
            out, _ = child.communicate(timeout=self.timeout)
            self.results.append(json.loads(out))
        return self.results

    def stop(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()


class Watch:
    """Redis' MONITOR: [(monotonic microseconds, line)] of every command, until it is left."""

    def __init__(self, crowd):
        self.lines = []
        self.connection = Connection(crowd.directory / "redis.sock", timeout=None)
        self.connection("MONITOR")
        self.offset_us = mono_us() - time.time_ns() // 1000
        self.thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.connection.socket.shutdown(2)
        self.thread.join(10)

    def _read(self):
        while line := self.connection.stream.readline().decode(errors="replace"):
            stamp, _, rest = line.removeprefix("+").partition(" ")
            seconds, _, micros = stamp.partition(".")
            if micros.isdigit():
                self.lines.append((int(seconds) * 1000000 + int(micros) + self.offset_us, rest))

    def first_after(self, begin_us, text):
        """When the first command with this text ran after begin_us."""
        return wait_until(
            lambda: next((at for at, line in self.lines if at >= begin_us and text in line), None),
            f"a command with {text}",
        )
