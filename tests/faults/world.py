"""What a row is played in: one agent, its Redis behind a proxy that can fail, and callers who ask all the
time and know what they are owed.

    callers --SPOP--> agent --> ChaosProxy --> [ScriptedRedis] --> Redis
"""

import functools
import hashlib
import itertools
import random
import subprocess
import threading
import time
from dataclasses import dataclass

from chaos_proxy import ChaosProxy
from clock import Clock
from faultlib import Faults
from harness import apikey
from harness.agent import BUILD, REEVED, Agent
from harness.redis import Redis
from harness.resp import Connection
from harness.spop import Closed, Peer
from harness.wait import wait_until
from scripted_redis import ScriptedRedis

MIB = 1 << 20
DEADLINE_S = 0.15
# Of the answers some may be later by more than the slack, and none ever by more than the second. More
# is borne only where the machine itself was held up: where a caller overslept as much.
SLACK_S, LATE_SHARE, NEVER_S = 0.1, 0.02, 1.0
NAP_S = 0.003
FRESH = "300ms"
FRESH_S = 0.3
# Redis counts it, and nobody ever admits more of it.
SMALL_QUOTA = 50
# Requests of all kinds come from one source, and those that shall be refused must not shield it.
OPTIONS = {
    "max_age": FRESH,
    "drain_delay": "0",
    "deadline": f"{round(DEADLINE_S * 1000)}ms",
    "max_failures": "0",
    "max_source_failures": "0",
}
ORDERS, ADMIN = "/v1/orders/7", "/admin"
RSS_SLACK = 8 * MIB
FAULTLIB = BUILD / "libfaultlib.so"


@functools.lru_cache
def knows_option(name):
    said = subprocess.run([REEVED, "--reference"], capture_output=True, text=True, check=True)
    return any(line.split()[:1] == [name] for line in said.stdout.splitlines() if line[:1] != " ")


def key_of(user):
    """A key that is the user's: its id and secret are made of the name."""
    digest = hashlib.sha256(user.encode()).hexdigest()
    return apikey.with_checksum(f"rv_{digest[:10].upper()}_{digest[:32]}")


@dataclass
class Answer:
    """`owed`: whether the caller may be allowed at all."""

    user: str
    rid: str
    verdict: str
    status: int
    reason: str
    seconds: float
    owed: bool
    at: float

    @property
    def is_down(self):
        """Refused since the store did not say what was asked of it."""
        refused = (self.verdict, self.status) == ("deny", 503)
        return refused and self.reason in ("store_down", "deadline")


class Caller:
    """Asks over one connection, and makes a new one when it ends."""

    numbers = itertools.count()

    def __init__(self, world):
        self.world = world
        self.peer = None

    def close(self):
        if self.peer:
            self.peer.close()
        self.peer = None

    def ask(self, user, path=ORDERS, key=None, owed=None):
        """None: the connection ended without an answer. `key` in place of the user's own."""
        if owed is None:
            owed = path == ORDERS and key is None and user is not None
        key = key or (key_of(user) if user else None)
        number = next(self.numbers)
        rid = f"r{number}"
        begin = time.monotonic()
        try:
            if not self.peer:
                self.peer = Peer.connect(self.world.asked_at, timeout=10)
                self.peer.greet()
                begin = time.monotonic()
            said = self.peer.ask(number, path=path, key=key, rid=rid)
        except (OSError, Closed, AssertionError):
            self.close()
            return None
        end = time.monotonic()
        answer = Answer(
            user, rid, said["verdict"], said["status"], said["reason"], end - begin, owed, end
        )
        self.world.answers.append(answer)
        return answer


class World:
    """`through`: what stands between agent and Redis, of "proxy" and "script"; `clocks`: whose wall
    clocks can be set, of "agent" and "redis"; `faults`: whether the agent's calls can fail; `limit`:
    fields of the small quota; `host`: a name for the store's address; `before`: a function of the world,
    called before the agent starts. Other options are the agent's, `redis_user` among them: who it is in Redis,
    with the rights that ship, or None: the default user."""

    def __init__(
        self, directory, through=("proxy",), clocks=(), faults=False, redis_options=(), host=None,
        limit=None, prefix=(), url="redis://{host}:{port}/0", env=None, before=None, **options
    ):  # fmt: skip
        self.directory = directory
        self.dice = random.Random(directory.name)
        self.answers = []
        self.overslept = [0.0]
        self.limit = limit or {"quota": SMALL_QUOTA, "per": "month"}
        self.bound = SMALL_QUOTA
        self.before = before
        self.redis = Redis(directory, [f"unixsocket {directory}/redis.sock", *redis_options])
        self.clocks = {name: Clock(directory, name) for name in clocks}
        self.connection = None
        target = self.redis.address
        self.script = ScriptedRedis(target) if "script" in through else None
        target = self.script.address if self.script else target
        self.proxy = ChaosProxy(target) if "proxy" in through else None
        target = self.proxy.address if self.proxy else target
        url = url.format(host=host or target[0], port=target[1])
        known = {"max_stale": FRESH} if knows_option("max_stale") else {}
        self.agent = Agent(
            "agent", "api-keys", directory, url, self._prefix(prefix), **{**OPTIONS, **known, **options}
        )
        self.asked_at = self.agent.address
        self.faults = Faults(FAULTLIB, directory / "faults") if faults else None
        self.agent.env.update(env or {})
        for name, process in (("agent", self.agent), ("redis", self.redis)):
            process.env.update(self.clocks[name].env if name in self.clocks else {})
        if self.faults:
            self.agent.env.update(self.faults.env)
        self.caller = Caller(self)
        self.load_thread = None
        self.is_over = threading.Event()
        self.base_fds = self.base_rss = self.base_us = 0
        self.is_long = False

    def _prefix(self, words):
        return [word.replace("DIRECTORY", str(self.directory)) for word in words]

    # Life.

    def start(self):
        self.start_without_agent()
        self.agent.start()

    def start_without_agent(self):
        if self.clocks and self.base_us == 0:
            self._enter_hour()
        self.redis.start()
        self.connection = Connection(self.directory / "redis.sock")
        self.write_records()
        if self.before:
            self.before(self)

    def _enter_hour(self):
        """Ten minutes of one are over, on all clocks: no test waits for the next."""
        hour_us = 3600 * 10**6
        self.set_clocks((hour_us // 6 - time.time_ns() // 1000) % hour_us)

    def set_clocks(self, offset_us):
        self.base_us = offset_us
        for clock in self.clocks.values():
            clock.step(offset_us)

    def stop(self):
        self.is_over.set()
        for process in (self.agent, self.redis):
            process.stop()
        self.caller.close()
        for part in (self.proxy, self.script):
            if part:
                part.stop()

    def write_records(self):
        """alice and bob are readers, carol has a quota that is never spent, dan the small one."""
        self.put("role:reader", {"rule:10": "allow GET * /v1/orders/**"})
        self.put("limit:large", {"quota": 1_000_000, "per": "month"})
        self.put("limit:small", self.limit)
        for user in ("alice", "bob"):
            self.add_user(user)
        self.add_user("carol", limits="large")
        self.add_user("dan", limits="small")

    def add_user(self, user, **fields):
        key = key_of(user)
        digest = hashlib.sha256(key.encode()).hexdigest()
        self.put(f"user:{{{user}}}", {"state": "active", "roles": "reader", **fields})
        record = {"user": user, "state": "active", "hash": f"sha256:{digest}"}
        self.put(f"key:{apikey.key_id(key)}", record)
        return user

    def put(self, name, fields):
        words = [word for pair in fields.items() for word in pair]
        self.connection("HSET", f"reeve:{name}", *words)

    def restart_redis(self):
        self.redis.start()
        self.connection.close()
        self.connection = Connection(self.directory / "redis.sock")

    # Asking.

    def ask(self, user="alice", path=ORDERS, **more):
        answer = self.caller.ask(user, path, **more)
        assert answer, f"no answer for {user}"
        return answer

    def ask_stranger(self):
        """With a key that nobody has asked with before, and nobody has."""
        return self.ask(f"stranger-{next(Caller.numbers)}", owed=False)

    def warm_up(self):
        for user in ("alice", "bob", "carol", "dan"):
            wait_until(lambda user=user: self.ask(user).verdict == "allow", f"{user} to be allowed")
        self.measure_base()

    def measure_base(self):
        self.base_fds, self.base_rss = self.agent.open_files(), self.rss()

    def rss(self):
        """Its own memory; the spool's ring is a file."""
        with open(f"/proc/{self.agent.pid}/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith("RssAnon"))
        return int(line.split()[1]) * 1024

    def start_load(self):
        self.load_thread = threading.Thread(target=self._load, daemon=True)
        self.load_thread.start()

    def _load(self):
        caller = Caller(self)
        forged = apikey.with_checksum(f"rv_{apikey.key_id(key_of('alice'))}_{'w' * 32}")
        cases = [
            lambda: caller.ask("alice"),
            lambda: caller.ask("alice", ADMIN),
            lambda: caller.ask("carol"),
            lambda: caller.ask("dan"),
            lambda: caller.ask(None),
            lambda: caller.ask("alice", key=forged),
            lambda: caller.ask("bob", "/v1/orders/9", owed=True),
            lambda: caller.ask("eve", key=key_of("eve")),
        ]
        for case in itertools.cycle(cases):
            if self.is_over.is_set():
                break
            case()
            begin = time.monotonic()
            time.sleep(NAP_S)
            self.overslept.append(time.monotonic() - begin - NAP_S)
        caller.close()

    def stop_load(self):
        self.is_over.set()
        if self.load_thread:
            self.load_thread.join(20)
            assert not self.load_thread.is_alive(), "a caller hangs"
        self.load_thread = None
        self.is_over.clear()

    # What is seen.

    def is_down(self, user="alice"):
        return self.ask(user).is_down

    def wait_until_down(self, user="alice", timeout=FRESH_S + 3.0):
        wait_until(lambda: self.is_down(user), f"{user} to be refused", timeout)

    def wait_until_up(self, user="alice", timeout=15.0):
        def is_up():
            answer = self.caller.ask(user)
            return answer and answer.verdict == "allow"

        wait_until(is_up, f"{user} to be allowed", timeout)

    def allows(self, user):
        return sum(one.verdict == "allow" for one in self.answers if one.user == user)

    def used(self, user="dan", limit="small"):
        said = self.connection("HGET", f"reeve:used:{{user:{user}}}:{limit}", "used")
        return int(said or 0)

    def log_has(self, *words):
        log = self.agent.log()
        return all(word in log for word in words)

    # What must hold in the end, whatever was done.

    def heal(self):
        for part in (self.proxy, self.script, self.faults):
            if part:
                part.heal()

    def end(self, may_be_late=False):
        """All are served again, and nothing was wrong."""
        if not self.load_thread:
            self.start_load()
        asked = len(self.answers)
        wait_until(lambda: len(self.answers) > asked + 20, "callers to be answered")
        for user in ("alice", "bob", "carol"):
            self.wait_until_up(user)
        self.stop_load()
        self.assert_back_to_base()
        self.assert_nothing_was_wrong(may_be_late)
        self.assert_audited()

    def assert_nothing_was_wrong(self, may_be_late=False):
        wrong = [one for one in self.answers if one.verdict == "allow" and not one.owed]
        assert not wrong, f"allowed without right: {wrong[0]}"
        assert self.allows("dan") <= self.bound, f"{self.allows('dan')} of {self.bound} admitted"
        if may_be_late:
            return
        seconds = sorted(one.seconds for one in self.answers)
        worst = NEVER_S + 3 * max(self.overslept)
        assert seconds[-1] < worst, f"an answer took {seconds[-1]:.3f} s"
        late = sum(second > DEADLINE_S + SLACK_S for second in seconds)
        most = 1 + LATE_SHARE * len(seconds) + 3 * self.stalls()
        assert late <= most, f"{late} of {len(seconds)} answers were late"

    def stalls(self):
        """How often the machine let a caller wait for long."""
        return sum(second > SLACK_S / 4 for second in self.overslept)

    def assert_back_to_base(self, timeout=10.0):
        # A thread that resolves a name, or a connection that lingers, may take a moment.
        fds, rss = self.base_fds + 1, self.base_rss + RSS_SLACK
        wait_until(lambda: self.agent.open_files() <= fds, "descriptors to be closed", timeout)
        wait_until(lambda: self.rss() <= rss, "memory to be given back", timeout)

    def records(self):
        """Of the audit, without those that say themselves that they stand there twice."""
        found = {}
        for record in self.agent.audit():
            place = record["boot"], record["worker"], record["seq"]
            assert place not in found or record.get("redelivered"), f"twice: {record}"
            found[place] = record
        return found.values()

    def verify(self):
        """The audit proves itself."""
        files = sorted(self.agent.audit_path.parent.glob(self.agent.audit_path.name + "*"))
        command = [BUILD / "reevectl", "audit", "verify", *files]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert told.returncode == 0, told.stdout + told.stderr

    def assert_audited(self):
        """The agent ends well, and has written each decision once, as it was told."""
        assert self.agent.terminate() == 0, "did not end well"
        audited = {}
        for record in self.records():
            decision = (record.get("verdict"), record.get("reason"))
            if record["type"] == "superseded":
                audited[record["rid"]].pop()
            audited.setdefault(record.get("rid"), []).append(decision)
        self.verify()
        for one in self.answers:
            found = audited.get(one.rid)
            assert found == [(one.verdict, one.reason)], f"{one}; the audit says {found}"
