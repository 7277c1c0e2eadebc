"""A primary, its replicas and three Sentinels on loopback; Redis' own program for each."""

import hashlib
import time

from harness.net import free_address
from harness.process import Process
from harness.redis import AGENT_PASSWORD, AGENT_USER, CONTRIB, Redis, users
from harness.resp import Connection, RedisError
from harness.wait import wait_until

PRIMARY = "reeve"
DOWN_AFTER_MS = 2000
ACL = CONTRIB / "sentinel-users.conf"


def ask(address, *words):
    """One command on a connection of its own; None: nobody answers."""
    try:
        connection = Connection(address, timeout=1)
    except OSError:
        return None
    try:
        return connection(*words)
    except (OSError, RedisError):
        return None
    finally:
        connection.close()


class Node(Redis):
    """One server of the cluster."""

    def __init__(self, directory, name, primary=None):
        (directory / name).mkdir()
        options = ["repl-diskless-sync-delay 0", "repl-ping-replica-period 1", "appendfsync no"]
        super().__init__(directory / name, options)
        self._move_users()
        # A replica is known by where it calls from unless it says where it is.
        self.argv += ["--replica-announce-ip", self.address[0]]
        self.name = name
        if primary:
            self.follow(primary)

    def _move_users(self):
        """Sentinels have redis.conf rewritten, and users that it includes would be in it twice."""
        config, path = self.directory / "redis.conf", self.directory / "users.acl"
        included = f"include {self.directory}/users.conf"
        text = config.read_text()
        assert included in text
        config.write_text(text.replace(included, f"aclfile {path}"))
        # No comments and no quotes there.
        lines = [line for line in users().splitlines() if line.startswith("user ")]
        digest = hashlib.sha256(AGENT_PASSWORD.encode()).hexdigest()
        path.write_text("\n".join(lines).replace(f'">{AGENT_PASSWORD}"', f"#{digest}") + "\n")

    def follow(self, primary):
        """From the next start on."""
        self.argv = [*self.argv[:4], "--replicaof", primary.address[0], str(primary.address[1])]

    def role(self):
        said = ask(self.address, "ROLE")
        return said[0].decode() if said else None

    def is_in_step(self):
        said = ask(self.address, "ROLE")
        return said and said[0] == b"slave" and said[3] == b"connected"

    def leave_replicas_behind(self):
        """They hear nothing more of it, until it starts again."""
        ask(self.address, "ACL", "SETUSER", "default", "-psync", "-sync", "-replconf")
        assert ask(self.address, "CLIENT", "KILL", "TYPE", "replica")

    def hide_from_sentinels(self):
        """They take it for dead and can tell it nothing; agents are served as before."""
        rights = [f"-{name}" for name in ("ping", "info", "replicaof", "slaveof", "multi", "publish")]
        assert ask(self.address, "ACL", "SETUSER", "default", *rights)

    def has_agents(self):
        """Whether an agent is connected."""
        return f"user={AGENT_USER} ".encode() in (ask(self.address, "CLIENT", "LIST") or b"")


class Sentinel(Process):
    def __init__(self, directory, name, primary):
        self.address = free_address()
        config = directory / f"{name}.conf"
        lines = [
            f"bind {self.address[0]}",
            f"port {self.address[1]}",
            f"dir {directory}",
            f"sentinel announce-ip {self.address[0]}",
            f"sentinel monitor {PRIMARY} {primary.address[0]} {primary.address[1]} 2",
            f"sentinel down-after-milliseconds {PRIMARY} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {PRIMARY} 5000",
            f"sentinel parallel-syncs {PRIMARY} 2",
            users(ACL),
        ]
        config.write_text("\n".join(lines) + "\n")
        super().__init__(name, ["redis-server", str(config), "--sentinel"], directory)

    def start(self):
        super().start()
        wait_until(lambda: ask(self.address, "PING"), f"{self.name} to answer")
        # After a machine stood still for two seconds it would do nothing for thirty.
        assert ask(self.address, "SENTINEL", "DEBUG", "tilt-trigger", "60000")
        return self

    def primary(self):
        said = ask(self.address, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", PRIMARY)
        return (said[0].decode(), int(said[1])) if said else None

    def knows(self, replicas, sentinels):
        said = ask(self.address, "SENTINEL", "MASTER", PRIMARY)
        if not said:
            return False
        fields = dict(zip(said[::2], said[1::2]))
        counts = (int(fields[b"num-slaves"]), int(fields[b"num-other-sentinels"]))
        return counts == (replicas, sentinels) and fields[b"flags"] == b"master"


class Cluster:
    def __init__(self, directory, replicas=2):
        first = Node(directory, "node1")
        self.nodes = [first]
        self.nodes += [Node(directory, f"node{i + 2}", first) for i in range(replicas)]
        self.sentinels = [Sentinel(directory, f"sentinel{i + 1}", first) for i in range(3)]
        self.primary = first

    def options(self, password_file):
        """Of an agent, beside an address of Redis without a host."""
        addresses = [f"tcp://{host}:{port}" for host, port in (one.address for one in self.sentinels)]
        return {
            "sentinels": ",".join(addresses),
            "sentinel_primary": PRIMARY,
            "sentinel_user": AGENT_USER,
            "sentinel_password_file": password_file,
        }

    def start(self):
        for node in self.nodes:
            node.start()
        wait_until(lambda: all(node.is_in_step() for node in self.nodes[1:]), "replicas", 20.0)
        for sentinel in self.sentinels:
            sentinel.start()
        self.wait_until_whole()

    def wait_until_whole(self, timeout=30.0):
        """Every Sentinel knows every replica and every other one, and the same primary. That is another
        than it was where a machine was so busy that they took a living one for dead."""

        def is_whole():
            others = len(self.sentinels) - 1
            named = {one.primary() for one in self.sentinels}
            if len(named) > 1 or not all(one.knows(len(self.nodes) - 1, others) for one in self.sentinels):
                return False
            self.primary = next(node for node in self.nodes if node.address in named)
            return all(node.is_in_step() for node in self.replicas())

        wait_until(is_whole, "Sentinels to know all", timeout)

    def replicas(self):
        return [node for node in self.nodes if node is not self.primary]

    def wait_for_promotion(self, timeout=30.0):
        """Gives the moment in which a replica says first that it is the primary."""
        chosen = wait_until(
            lambda: next((one for one in self.replicas() if one.role() == "master"), None),
            "a replica to be promoted",
            timeout,
        )
        self.primary = chosen
        return time.monotonic()

    def confirm(self):
        """What was written so far is on every replica."""
        count = sum(node.is_running() for node in self.replicas())
        connection = Connection(self.primary.address)
        connection("INCR", "e2e:confirm")
        assert connection("WAIT", count, 10000) == count
        connection.close()

    def stop(self):
        for process in [*self.sentinels, *self.nodes]:
            process.stop()
