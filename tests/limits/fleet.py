"""One Redis, many agents, no HAProxy; users with limits; load from a process for each agent."""

import hashlib
import json
import signal
import subprocess
import threading
import time

import judge
from chaos_proxy import ChaosProxy
from clock import Clock
from harness import apikey
from harness.agent import BUILD, Agent
from harness.redis import Redis
from harness.resp import Connection
from harness.wait import wait_until

HOST, FRONTEND = "api.example.com", "api"
USER, LIMIT = "u", "l"
# The directory is another matter: what was read once stays.
AGENT_OPTIONS = {"max_age": "600s", "drain_delay": "0", "log_level": "warning"}
# For what is measured of limits, not of outages: an agent waits for a Redis that gets no time to run.
PATIENT = {"store_timeout": "8s", "store_connect_timeout": "8s", "deadline": "9s"}
AOF = ["auto-aof-rewrite-percentage 0", "unixsocket redis.sock"]


class Population:
    """Users with a key each, who all have all the `limits`, {name: fields}, and ask in turn, for
    `costs` in turn. `users` are {name: fields}, `often` how often each asks in a turn."""

    def __init__(self, limits, users=None, costs=(1,), often=None):
        rules = {f"rule:{cost}": f"allow GET * /v1/cost{cost}/** cost={cost}" for cost in costs}
        self.records = {"reeve:role:r": {**rules, "limits": ",".join(limits)}}
        self.questions = []
        for name, fields in limits.items():
            self.records[f"reeve:limit:{name}"] = fields
        for number, (name, fields) in enumerate((users or {USER: {}}).items()):
            self._add(f"{number:010}", name, fields, costs * (often or {}).get(name, 1))

    def _add(self, key_id, name, fields, costs):
        key = apikey.with_checksum(f"rv_{key_id}_{'m' * 32}")
        digest = hashlib.sha256(key.encode()).hexdigest()
        self.records[f"reeve:user:{{{name}}}"] = {"state": "active", "roles": "r", **fields}
        self.records[f"reeve:key:{key_id}"] = {
            "user": name,
            "state": "active",
            "hash": f"sha256:{digest}",
        }
        self.questions += [f"GET\t{HOST}\t/v1/cost{cost}/7\t{key}\t192.0.2.1\t*\n" for cost in costs]


class Fleet:
    """`proxy(address)` gives a proxy to stand between the agents and Redis."""

    def __init__(self, directory, population, agents=8, proxy=None, **options):
        self.directory = directory
        self.redis = Redis(directory, AOF)
        self.redis_clock = Clock(directory, "redis")
        self.redis.env.update(self.redis_clock.env)
        self.redis.start()
        self.connection = Connection(directory / "redis.sock")
        self.replica = self.link = None
        self.earlier_calls = 0
        self.base_us = 0
        self.edge_us = 0  # the end of the window that was entered
        for key, fields in population.records.items():
            self.connection("HSET", key, *(word for pair in fields.items() for word in pair))
        self.proxy = proxy(self.redis.address) if proxy else None
        host, port = self.proxy.address if proxy else self.redis.address
        url = f"redis://{host}:{port}/0"
        self.clock = Clock(directory, "agents")
        self.agents = [
            Agent(f"a{number}", "api-keys", directory, url, **AGENT_OPTIONS, **options)
            for number in range(agents)
        ]
        for agent in self.agents:
            agent.env.update(self.clock.env)
        self.requests = directory / "requests.tsv"
        self.requests.write_text("".join(population.questions))

    def start(self):
        for agent in self.agents:
            agent.start(waits=False)
        for agent in self.agents:
            wait_until(agent.is_ready, f"{agent.name} to be ready", 30.0)
        return self

    def restart_redis(self, pause):
        """kill -9, a pause, and back with its data."""
        self.earlier_calls = self.calls()
        self.redis.kill()
        pause()
        self.redis.start()
        self.connection.close()
        self.connection = Connection(self.directory / "redis.sock")

    def start_replica(self):
        """Another Redis, in step with the first, which it sees through `link`."""
        folder = self.directory / "replica"
        folder.mkdir()
        self.link = ChaosProxy(self.redis.address)
        host, port = self.link.address
        # A log that outlives the process, and waits for no disk.
        self.connection("CONFIG", "SET", "repl-diskless-sync-delay", "0", "appendfsync", "no")
        self.replica = Redis(folder, [*AOF, f"replicaof {host} {port}", "appendfsync no"])
        self.replica.env.update(self.redis_clock.env)
        self.replica.start()
        self._wait_for_replica()

    def _wait_for_replica(self):
        """It logs where its log will stay, and confirms what is written: only then it gets more."""
        told = ("master_link_status:up", "aof_rewrite_in_progress:0", "aof_rewrite_scheduled:0")

        def is_in_step():
            info = self.replica.command("INFO")
            return all(word in info for word in told)

        wait_until(is_in_step, "a replica", 30.0)
        self.connection("SET", "probe", "1")
        wait_until(lambda: self.connection("WAIT", "1", "100") == 1, "a replica to confirm", 30.0)

    def fail_over(self):
        """The primary is dead, its replica takes its place. Gives how much that had heard of it."""
        self.replica.command("REPLICAOF", "NO", "ONE")
        logged_bytes = judge.aof_bytes(self.replica.directory)
        self.redis, self.replica = self.replica, self.redis
        self.connection.close()
        self.connection = Connection(self.redis.directory / "redis.sock")
        self.proxy.target = self.redis.address
        return logged_bytes

    def rejoin(self):
        """The dead primary comes back as a replica."""
        host, port = self.redis.address
        self.connection("CONFIG", "SET", "repl-diskless-sync-delay", "0")
        self.replica.start()
        self.replica.command("REPLICAOF", host, str(port))
        self._wait_for_replica()

    def client_count(self):
        """The agents' connections to Redis, which bear names."""
        clients = self.connection("CLIENT", "LIST").decode().splitlines()
        return sum(" name= " not in line for line in clients)

    def enter_window(self, period_ms, into_ms):
        """Sets all clocks so that so much of a window is over: no test waits for one."""
        true_us = time.time_ns() // 1000
        self.base_us = (into_ms * 1000 - true_us) % (period_ms * 1000)
        self.edge_us = self.now_us() + (period_ms - into_ms) * 1000
        self.clock.step(self.base_us)
        self.redis_clock.step(self.base_us)

    def now_us(self):
        """On all clocks, but for what a fault does to them."""
        return time.time_ns() // 1000 + self.base_us

    def calls(self):
        """How many scripts Redis has run for limits; but what it ran just before it was killed."""
        counts = {"eval": 0, "evalsha": 0, "zadd": 0, "set": 0}
        for line in self.connection("INFO", "commandstats").decode().splitlines():
            name = line.partition(":")[0].removeprefix("cmdstat_")
            if name in counts:
                counts[name] = int(line.partition("calls=")[2].partition(",")[0])
        # A heartbeat is two scripts, one of which says ZADD; a canary is one that says SET.
        presence = 2 * counts["zadd"] + counts["set"]
        return self.earlier_calls + counts["eval"] + counts["evalsha"] - presence

    def terminate(self):
        """Ends the agents well, so that the audit is whole; those that were killed are started
        first, to write what their spools hold."""
        for agent in self.agents:
            if not agent.is_running():
                agent.start(waits=False)
        for agent in self.agents:
            wait_until(agent.is_ready, f"{agent.name} to be ready", 30.0)
        for agent in self.agents:
            agent.signal(signal.SIGTERM)
        for agent in self.agents:
            assert agent.wait(30.0) == 0, agent.log()

    def stop(self):
        for process in [*self.agents, self.redis, self.replica]:
            if process:
                process.stop()
        for proxy in [self.proxy, self.link]:
            if proxy:
                proxy.stop()


class Load:
    """Asks each agent `rate` times a second (0: as fast as it answers), as long as `seconds` and no
    more than `requests` times; goes on after an agent was killed.

    `shares` says how much of the load each agent gets."""

    def __init__(self, fleet, rate, seconds, requests=0, shares=None, connections=2, window=16):
        self.fleet = fleet
        self.seconds = seconds
        self.shape = ["--connections", str(connections), "--window", str(window)]
        self.results = []
        self.lock = threading.Lock()
        self.end = None
        shares = shares or [1] * len(fleet.agents)
        self.threads = []
        for agent, share in zip(fleet.agents, shares):
            part = share / sum(shares)
            own = (agent, round(rate * part) if rate else 0, -(-requests * share // sum(shares)))
            self.threads.append(threading.Thread(target=self._run, args=own, daemon=True))

    def start(self):
        self.end = time.monotonic() + self.seconds
        for thread in self.threads:
            thread.start()
        return self

    def _run(self, agent, rate, requests):
        asked = 0
        while time.monotonic() < self.end and (requests == 0 or asked < requests):
            seconds = max(1, round(self.end - time.monotonic()))
            result = self._ask(agent, max(1, rate) if rate else 0, seconds, requests - asked)
            if result is None:
                time.sleep(0.02)
                continue
            asked += result["asked"]
            with self.lock:
                self.results.append((agent.name, result))

    def _ask(self, agent, rate, seconds, requests):
        host, port = agent.address
        words = [str(BUILD / "spopload"), "--connect", f"tcp://{host}:{port}"]
        words += ["--file", str(self.fleet.requests), "--frontend", FRONTEND, *self.shape]
        words += ["--rate", str(rate), "--seconds", str(seconds)]
        words += ["--requests", str(requests)] if requests > 0 else []
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        return json.loads(done.stdout) if done.stdout else None

    def join(self):
        for thread in self.threads:
            thread.join(self.seconds + 120)
            assert not thread.is_alive(), "a load generator hangs"
        return self

    def total(self, field):
        return sum(result[field] for _, result in self.results)
