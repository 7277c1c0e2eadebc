"""R: Redis and the network to it."""

import contextlib
import itertools
import shutil
import socket
import threading
import time

from harness.net import is_listening
from harness.redis import AGENT_PASSWORD, AGENT_USER
from harness.resp import Connection, RedisError
from harness.spop import passes_health_check
from harness.wait import wait_until
from scripted_redis import array, error, fields
from table import Row
from world import FRESH_S, MIB, key_of

# Attempts to connect in a second of outage: of two connections, whose back-off doubles from 50 ms on.
ATTEMPTS_MOST = 24


# Checks.


def store_is_down(world):
    """Known users from fresh records, then nobody; strangers at once; who needs no record is answered."""
    for user in ("alice", "bob", "carol", "dan"):
        world.wait_until_down(user)
    down_at = time.monotonic()
    while time.monotonic() - down_at < 0.2:
        for user in ("alice", "bob", "carol", "dan"):
            assert world.is_down(user), f"{user}: {world.answers[-1]}"
        assert world.ask(None).reason == "no_credential"
    assert world.ask_stranger().is_down, world.answers[-1]


def store_is_down_without_a_storm(world):
    store_is_down(world)
    no_storm(world)


def no_storm(world):
    before, begin = world.proxy.accepted, time.monotonic()
    held = len(world.proxy.pairs)
    time.sleep(0.6)
    attempts = (world.proxy.accepted - before) / (time.monotonic() - begin)
    assert attempts <= ATTEMPTS_MOST, f"{attempts:.0f} attempts a second"
    assert len(world.proxy.pairs) <= held + 2, "connections add up"
    assert world.rss() < world.base_rss + 8 * MIB


def nothing_is_learned(world):
    """Records can not be read, although the store is there and may tell of changes: who is not known yet is
    refused, and so is whose record has changed. Others are known as long as their records are fresh."""
    assert world.ask(world.add_user("ivy")).is_down
    assert world.ask_stranger().is_down
    world.put("user:{bob}", {"state": "disabled"})
    world.wait_until_down("bob")
    until = time.monotonic() + FRESH_S
    while time.monotonic() < until:
        assert world.is_down("bob")
    world.put("user:{bob}", {"state": "active"})


def only_quotas_are_down(world):
    """Records go on; units that were leased may be spent, then there are none."""
    world.wait_until_down("carol", 10)
    for _ in range(5):
        assert world.is_down("carol")
    steadily(world, {"alice": "ok"})
    assert world.is_down("carol")


def all_are_served(world):
    for user in ("alice", "bob", "carol"):
        world.wait_until_up(user)
    steadily(world, {user: "ok" for user in ("alice", "bob", "carol")})


def steadily(world, reasons):
    """Users are answered so for twice as long as records are fresh, without a gap. On a machine that is held
    up the store may be late, and then it is down for a moment: so there are more attempts."""
    for _ in range(8):
        until, gap = time.monotonic() + 2 * FRESH_S, None
        while time.monotonic() < until and not gap:
            for user, reason in reasons.items():
                answer = world.ask(user)
                assert answer.reason == reason or answer.is_down, answer
                gap = gap or (answer if answer.reason != reason else None)
        if not gap:
            return
        time.sleep(0.1)
    raise AssertionError(f"never without a gap: {gap}")


def log_says(*words):
    def check(world):
        wait_until(lambda: world.log_has(*words), f"the log to say {words}")

    return check


def says_at_start(*words):
    """An agent that is running has told that it lost the store, and says no more for five seconds."""

    def check(world):
        assert world.agent.terminate() == 0
        world.agent.start(waits=False)
        log_says(*words)(world)

    return check


def both(*checks):
    def check(world):
        for one in checks:
            one(world)

    return check


# R01 to R09: no server, a silent one, a slow one, a broken line.


def down_at_start(world):
    world.start_without_agent()
    world.redis.kill()
    world.agent.start(waits=False)
    wait_until(lambda: is_listening(world.agent.address), "the agent to listen")
    world.start_load()
    assert not passes_health_check(world.agent.address), "ready, without ever having seen the store"
    assert world.is_down() and world.is_down("carol")
    no_storm(world)
    world.restart_redis()
    wait_until(lambda: passes_health_check(world.agent.address), "readiness", 7.0)
    world.wait_until_up()
    world.measure_base()
    world.end()


def kill_redis(world):
    world.redis.kill()


def restart_redis(world):
    world.restart_redis()


def freeze_redis(world):
    world.redis.freeze()
    if world.is_long:
        time.sleep(30)


def thaw_redis(world):
    world.redis.thaw()


def freeze_and_thaw(world):
    """For less and for more than the agent waits."""
    for seconds in (0.05, 0.15, 0.4, 0.08):
        world.redis.freeze()
        time.sleep(seconds)
        world.redis.thaw()
        time.sleep(0.15)


def slow(delay_s):
    def inject(world):
        world.proxy.delay_s = delay_s

    return inject


def drip(world):
    world.proxy.replies.piece, world.proxy.replies.bytes_per_s = 1, 10


def ignore_syn(world):
    world.proxy.ignore_connections()
    world.proxy.cut_all()


def silence(world):
    world.proxy.accepts = "silence"
    world.proxy.cut_all()


def refuse(world):
    world.proxy.accepts = "refuse"
    world.proxy.cut_all()


def hold(world):
    world.proxy.asks.is_held = world.proxy.replies.is_held = True


def mode(name):
    def inject(world):
        world.proxy.mode = name

    return inject


def close_after(count):
    """The same place in each conversation: within the greeting, in a reply's head, in its middle."""

    def inject(world):
        world.proxy.close_after = count
        world.proxy.cut_all()

    return inject


def flip_bytes(world):
    """A bit of each reply is another one, which TCP's checksum has missed. What still parses is another
    record, or more units than were granted; but no right to another path, and no key."""

    def corrupt(data):
        at = world.dice.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << world.dice.randrange(8)]) + data[at + 1 :]

    world.bound = 10**6
    world.proxy.replies.corrupt = corrupt


def is_answering(world):
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        assert world.ask("alice").verdict in ("allow", "deny")
        assert world.ask(None).verdict == "deny"


# R10 to R22: errors.


def says(commands, text):
    def inject(world):
        for command in commands:
            world.script.answers[command] = error(text)

    return inject


def make_replica(world):
    world.connection("REPLICAOF", "127.0.0.1", "1")


def make_replica_that_refuses(world):
    world.connection("CONFIG", "SET", "replica-serve-stale-data", "no")
    make_replica(world)


def make_primary(world):
    world.connection("REPLICAOF", "NO", "ONE")
    world.connection("CONFIG", "SET", "replica-serve-stale-data", "yes")


def config(name, value):
    def inject(world):
        world.connection("CONFIG", "SET", name, value)

    return inject


def flush_scripts(world):
    until = time.monotonic() + 0.7
    while time.monotonic() < until:
        world.connection("SCRIPT", "FLUSH")
        time.sleep(0.003)


def charged_once(world):
    """Units that are neither spent nor leased do not exist: what goes back in the end is the rest."""
    world.stop_load()
    all_are_served(world)
    assert world.agent.terminate() == 0
    assert world.used("carol", "large") == world.allows("carol")
    assert world.used() == world.allows("dan")
    world.agent.start()
    world.measure_base()


def keep_busy(world):
    def run():
        with contextlib.suppress(RedisError, OSError):
            world.busy_connection = Connection(world.directory / "redis.sock")
            world.busy_connection("EVAL", "while true do end", "0")

    world.connection("CONFIG", "SET", "busy-reply-threshold", "50")
    world.busy = threading.Thread(target=run, daemon=True)
    world.busy.start()


def end_busy(world):
    """By us, and by nobody else."""
    assert world.connection("SCRIPT", "KILL") == b"OK"
    world.busy.join(10)
    assert "cmdstat_script|kill:calls=1," in world.connection("INFO", "commandstats").decode()


def moved(text):
    def inject(world):
        says(("HGETALL", "EVALSHA"), text)(world)

    return inject


def ask_for_a_password(world):
    world.connection("CONFIG", "SET", "requirepass", "secret")
    world.proxy.cut_all()


def make_agents_user(world):
    world.connection("ACL", "SETUSER", "reeve", "on", ">first", "~*", "+@all")
    use_password(world)


def use_password(world):
    path = world.directory / "password"
    path.write_text("first")
    path.chmod(0o600)
    world.agent.set("redis_password_file", path)


def change_password(world):
    world.connection("ACL", "SETUSER", "reeve", "<first", ">second")
    world.proxy.cut_all()


def change_it_back(world):
    assert "first" not in world.agent.log() and "second" not in world.agent.log()
    world.connection("ACL", "SETUSER", "reeve", "<second", ">first")


def acl(*words):
    def inject(world):
        world.connection("ACL", "SETUSER", AGENT_USER, *words)

    return inject


# R23 to R28: what the store holds and says.


def make_bob_a_string(world):
    world.connection("DEL", "reeve:user:{bob}")
    world.connection("SET", "reeve:user:{bob}", "active")


def only_bob_is_refused(world):
    wait_until(lambda: world.ask("bob").reason == "bad_record", "bob to be refused")
    steadily(world, {"bob": "bad_record", "alice": "ok"})
    assert world.ask("bob").status == 503


def restore_bob(world):
    world.connection("DEL", "reeve:user:{bob}")
    world.add_user("bob")


def make_bob_huge(world):
    world.put("user:{bob}", {"note": "x" * (64 * MIB)})


def bob_is_refused_in_little_memory(world):
    wait_until(lambda: world.ask("bob").verdict == "deny", "bob to be refused")
    most, until = 0, time.monotonic() + 1.0
    while time.monotonic() < until:
        assert world.ask("bob").verdict == "deny"
        most = max(most, world.rss())
    assert most < world.base_rss + 24 * MIB, f"{most // MIB} MiB"


CORRUPT = {
    "state": ("user", {"state": "activ"}),
    "no state": ("user", {"state": None}),
    "json": ("user", {"roles": '["reader"]'}),
    "unknown field": ("user", {"rolse": "reader"}),
    "nul": ("user", {"roles": "reader\0"}),
    "nul in a name": ("user", {"roles\0": "reader"}),
    "time 2^63": ("user", {"expires": str(2**63)}),
    "time negative": ("user", {"expires": "-1"}),
    "source": ("user", {"allow_from": "300.1.1.1"}),
    "no such limit": ("user", {"limits": "none-such"}),
    "empty hash": ("key", {"hash": ""}),
    "short hash": ("key", {"hash": "sha256:00"}),
    "no user": ("key", {"user": None}),
    "key's state": ("key", {"state": "1"}),
    "quota negative": ("limit", {"quota": "-1"}),
    "quota 2^63": ("limit", {"quota": str(2**63)}),
    "quota no number": ("limit", {"quota": "1e3"}),
    "quota without per": ("limit", {"per": None}),
    "quota and rate": ("limit", {"rate": "1/s"}),
    "rule": ("role", {"rule:20": "permit GET * /**"}),
    "rule's cost": ("role", {"rule:20": "allow GET * /x cost=-1"}),
    "role's priority": ("role", {"priority": "1.5"}),
}


def corrupt_record(world, number, kind, change):
    """A user of its own whom one record of those that it needs is spoilt for."""
    user = f"spoilt{number}"
    world.put(f"role:role{number}", {"rule:10": "allow GET * /v1/orders/**"})
    world.put(f"limit:limit{number}", {"quota": 10, "per": "month"})
    world.add_user(user, roles=f"role{number}", limits=f"limit{number}")
    key = {
        "user": f"reeve:user:{{{user}}}",
        "key": f"reeve:key:{key_of(user).split('_')[1]}",
        "limit": f"reeve:limit:limit{number}",
        "role": f"reeve:role:role{number}",
    }[kind]
    for name, value in change.items():
        if value is None:
            world.connection("HDEL", key, name)
        else:
            world.connection("HSET", key, name, value)
    return user


def corrupt_records(world):
    world.spoilt = {
        case: corrupt_record(world, number, *CORRUPT[case]) for number, case in enumerate(CORRUPT)
    }


def only_they_are_refused(world):
    for case, user in world.spoilt.items():
        wait_until(lambda user=user: not world.is_down(user), f"{case}: an answer")
        answer = world.ask(user, owed=False)
        assert (answer.verdict, answer.reason) == ("deny", "bad_record"), f"{case}: {answer}"
    steadily(world, {"alice": "ok", "bob": "ok"})


GARBAGE = {
    "negative array": b"*-2\r\n",
    "huge string": b"$999999999999\r\n",
    "negative string": b"$-5\r\n",
    "deep": b"*1\r\n" * 20000,
    "huge array": b"*2147483647\r\n",
    "array beyond 32 bits": b"*4294967298\r\n" + b"$1\r\na\r\n" * 2,
    "many": b"*1000000000\r\n" + b"$1\r\na\r\n" * 1000,
    "no protocol": b"\0\xff\r\n\r\n",
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "number beyond 64 bits": b":99999999999999999999\r\n",
    "endless line": b"+" + b"x" * (8 * MIB),
    "string without its end": b"*2\r\n$1\r\naXX$1\r\nbXX",
}

WRONG_TYPES = {
    "nil": b"$-1\r\n",
    "nil array": b"*-1\r\n",
    "status": b"+OK\r\n",
    "number": b":1\r\n",
    "string": b"$2\r\nhi\r\n",
    "odd array": array(["state", "active", "roles"]),
    "array of numbers": b"*2\r\n:1\r\n:2\r\n",
    "array in an array": b"*2\r\n*1\r\n$1\r\na\r\n$1\r\nb\r\n",
    "nil within": b"*2\r\n$5\r\nstate\r\n$-1\r\n",
    "error within": b"*2\r\n$5\r\nstate\r\n-ERR\r\n",
    "RESP3 push": b">2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "RESP3 map": b"%1\r\n$5\r\nstate\r\n$6\r\nactive\r\n",
    "RESP3 true": b"#t\r\n",
    "RESP3 null": b"_\r\n",
}


def answers_to_strangers(replies, command):
    """Each of these bytes, once, as the reply that a user of its own needs."""

    def inject(world):
        for number, (case, reply) in enumerate(replies.items()):
            user = world.add_user(f"stranger{number}", limits="small")
            marks = (key_of(user).split("_")[1].encode(), b"{user:%s}" % user.encode())
            if command == "HGETALL":
                marks = marks[:1]
            world.script.answers[command] = (
                lambda parts, marks=marks, reply=reply:
                reply if any(mark in part for mark in marks for part in parts) else None
            )  # fmt: skip
            world.wait_until_up("alice")
            answer = world.ask(user, owed=False)
            assert answer.verdict == "deny", f"{case}: {answer}"
            assert world.rss() < world.base_rss + 24 * MIB, case
            world.script.heal()

    return inject


def double_replies(world):
    """Each look-up gets two replies. They are the same, so nobody can be taken for another; and
    what comes after them must not be either."""

    def twice(parts):
        record = world.connection_of_script.hash(parts[1].decode())
        return fields(record) * 2 if record else None

    world.connection_of_script = Connection(world.directory / "redis.sock")
    world.script.answers["HGETALL"] = twice
    numbers = itertools.count()

    def is_noticed():
        for user in ("alice", "bob", "carol"):
            world.put(f"user:{{{user}}}", {"note": next(numbers)})
        time.sleep(0.02)
        return world.log_has("nobody asked for")

    wait_until(is_noticed, "the log to say so")


def old_answers(world):
    """A script's answer of the call before."""
    seen = []
    real = Connection(world.directory / "redis.sock")

    def late(parts):
        try:
            seen.append(real(*parts))
        except RedisError as refusal:
            return error(str(refusal))
        return array(seen[-2]) if len(seen) > 1 else array(seen[-1])

    world.script.answers["EVALSHA"] = late
    world.add_user("gina", limits="small")
    world.add_user("hugo", limits="small")
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        world.ask("gina")
        world.ask("hugo")


def no_more_than_debited(world):
    for user in ("gina", "hugo"):
        assert world.allows(user) <= world.used(user), user


# R29 to R32: data that are gone, or old; clocks.


def spend(world, count):
    wait_until(lambda: world.allows("dan") >= count, f"{count} units to be spent", 20)


def expect_loss(world):
    """What is leased now may be granted twice."""
    world.bound = 50 + max(0, world.used() - world.allows("dan"))


def flush_all(world):
    spend(world, 10)
    expect_loss(world)
    world.connection("FLUSHALL")


def nobody_is_known(world):
    for user in ("alice", "bob", "carol", "dan"):
        wait_until(lambda user=user: world.ask(user).reason == "bad_credential", f"{user} to be forgotten")
    steadily(world, {user: "bad_credential" for user in ("alice", "bob", "carol", "dan")})


def write_records_again(world):
    world.write_records()
    dan_is_at_the_end(world)


def dan_is_at_the_end(world):
    """Of what he has: throttled, and not before it is nearly spent."""
    wait_until(lambda: world.ask("dan").reason == "quota", "dan's quota to be spent", 20)


def old_dump(world):
    spend(world, 5)
    world.connection("SAVE")
    dump = world.directory / "dump.rdb"
    shutil.copy(dump, world.directory / "old.rdb")
    spend(world, 25)
    expect_loss(world)
    world.redis.kill()
    shutil.copy(world.directory / "old.rdb", dump)
    world.restart_redis()


def step_redis_clock(world):
    """Into the next hour and back: two windows, and no third."""
    clock = world.clocks["redis"]
    world.bound = 2 * 50
    dan_is_at_the_end(world)
    clock.step(world.base_us + 3600 * 10**6)
    wait_until(lambda: world.allows("dan") > 50, "the next window", 10)
    dan_is_at_the_end(world)
    clock.step(world.base_us)


def stays_at_the_end(world):
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        assert world.ask("dan").verdict != "allow"
    assert world.ask("carol").verdict == "allow"


# R34 to R38.


def hosts(world, *lines):
    (world.directory / "hosts").write_text("".join(f"{line}\n" for line in lines))


def name_without_an_address(world):
    """First a name that nobody knows and a server of names that does not answer, then the wrong host, then
    the right one. The files are the agent's own."""
    hosts(world, "127.0.0.1 localhost")
    (world.directory / "resolv").write_text("nameserver 127.0.0.2\noptions timeout:1 attempts:1\n")
    world.start_without_agent()
    world.agent.start(waits=False)
    wait_until(lambda: is_listening(world.agent.address), "the agent to listen")
    world.start_load()
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        assert world.is_down()
        assert world.ask(None).reason == "no_credential"
    host = world.proxy.address[0]
    wrong = ("127.250.250.250", world.proxy.address[1])
    with socket.create_server(wrong) as other:
        other.settimeout(10)
        hosts(world, f"{wrong[0]} store.reeve.test")
        other.accept()[0].close()
    assert world.is_down()
    hosts(world, f"{host} store.reeve.test")
    world.wait_until_up()
    world.measure_base()
    world.end()


# Mounted over the machine's, for the agent alone.
OWN_NAMES = [
    "unshare", "-m", "sh", "-c",
    'mount --bind DIRECTORY/hosts /etc/hosts && mount --bind DIRECTORY/resolv /etc/resolv.conf && exec "$@"', "sh",
]  # fmt: skip


def fill_clients(world):
    """The agent's connection is there and works; a new one is refused."""
    clients = world.connection("CLIENT", "LIST").decode().splitlines()
    world.connection("CONFIG", "SET", "maxclients", len(clients))
    all_are_served(world)
    world.fillers = []
    world.proxy.cut_all()

    def take_place():
        try:
            filler = Connection(world.directory / "redis.sock")
            filler("PING")
        except (RedisError, OSError):
            return bool(world.fillers)
        world.fillers.append(filler)
        return False

    wait_until(take_place, "all places to be taken")


def let_clients_in(world):
    world.connection("CONFIG", "SET", "maxclients", "10000")
    for filler in world.fillers:
        filler.close()


def kill_clients(world):
    for _ in range(30):
        world.connection("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        time.sleep(0.02)
    world.wait_until_up()


REFUSALS = ("NOPERM", "can't", "ACL failure", "not allowed from script")
FORBIDDEN = [
    ("HSET", "reeve:user:{alice}", "roles", "admin"),
    ("DEL", "reeve:key:x"),
    ("GET", "other"),
    ("EVAL", "return redis.call('HSET', KEYS[1], 'roles', 'admin')", "1", "reeve:user:{alice}"),
    ("EVAL", "return redis.call('CONFIG', 'GET', '*')", "0"),
    ("SCRIPT", "KILL"),
    ("SCRIPT", "FLUSH"),
    ("CONFIG", "GET", "*"),
    ("KEYS", "*"),
    ("FLUSHALL",),
    ("ACL", "LIST"),
    ("REPLICAOF", "NO", "ONE"),
    ("FUNCTION", "LIST"),
]


def shipped_acl(world):
    """All that the agent does is allowed, and nothing else."""
    world.start_without_agent()
    world.agent.start()
    world.warm_up()
    world.start_load()
    all_are_served(world)
    thief = Connection(world.directory / "redis.sock")
    thief("AUTH", AGENT_USER, AGENT_PASSWORD)
    for words in FORBIDDEN:
        try:
            thief(*words)
        except RedisError as refusal:
            said = str(refusal)
            assert any(word in said for word in REFUSALS), f"{words}: {said}"
        else:
            raise AssertionError(f"{words} is allowed")
    world.end()


DOWN = "known users from fresh records, then deny store_down in the deadline; back by itself"
SCRIPT = {"through": ("proxy", "script")}
PASSWORD = {"url": "redis://reeve@{host}:{port}/0", "before": make_agents_user}


def nothing(world):
    """The fault is there from the beginning."""


def warns_of_eviction(world):
    wait_until(lambda: "maxmemory-policy is allkeys-lru" in world.agent.log(), "a warning")


ROWS = [
    Row("R01", "down at start", "starts, not ready, deny; attempts back off; then ready", play=down_at_start),
    Row("R02", "dies in mid-request", DOWN, kill_redis, store_is_down_without_a_storm, restart_redis),
    Row("R03", "hangs with its socket open", DOWN, freeze_redis, store_is_down_without_a_storm, thaw_redis),
    Row("R03", "the line holds everything back", DOWN, hold, store_is_down),
    Row("R04", "hangs and resumes", "late replies reach nobody else", freeze_and_thaw, all_are_served),
    Row("R04", "hangs and resumes, behind HAProxy", "the same",
        tests=[("test_faults", "test_late_replies_of_a_frozen_redis_reach_nobody_else")]),
    Row("R05", "replies 500 ms late", DOWN + "; no queue grows", slow(0.5), store_is_down_without_a_storm),
    Row("R05", "replies 200 ms late: connected, always too late", DOWN + "; no queue grows", slow(0.2),
        store_is_down_without_a_storm),
    Row("R05", "many ask while it hangs", "all are answered in the deadline",
        tests=[("test_bounds", "test_requests_too_many_for_a_frozen_store_are_all_answered")]),
    Row("R06", "replies one byte in 100 ms", "a deadline for the whole, not for a read", drip, store_is_down),
    Row("R07", "SYN unanswered", "connecting has a timeout", ignore_syn,
        both(store_is_down, says_at_start("no connection in time"))),
    Row("R07", "connections made, then silence", "greeting has a timeout", silence,
        both(store_is_down, says_at_start("no greeting in time"))),
    Row("R07", "connections reset at once", DOWN, refuse, store_is_down_without_a_storm),
    Row("R08", "reset in mid-reply", "no part of a reply is used", mode("reset"), store_is_down),
    Row("R08", "closed in mid-reply", "no part of a reply is used", mode("tear"), store_is_down),
    Row("R08", "closed in the greeting", DOWN, close_after(3), store_is_down),
    Row("R08", "closed in the first reply's head", DOWN, close_after(14), store_is_down),
    Row("R08", "closed in the middle of a record", DOWN, close_after(60), store_is_down),
    Row("R08", "bytes flipped", "alive; no allow for who has no right", flip_bytes, is_answering),
    Row("R09", "half-closed by the server", DOWN, mode("half"), store_is_down),
    Row("R10", "LOADING", DOWN, says(("*",), "LOADING Redis is loading the dataset in memory"),
        both(store_is_down, says_at_start("LOADING")), options=SCRIPT),
    Row("R11", "READONLY", "quotas are not granted; records go on or are down", make_replica,
        both(lambda world: world.wait_until_down("carol", 10), log_says("READONLY")), make_primary),
    Row("R12", "MASTERDOWN", DOWN, make_replica_that_refuses, both(store_is_down, log_says("MASTERDOWN")),
        make_primary),
    Row("R13", "OOM", "quotas are not granted, records go on; it is logged", config("maxmemory", "1"),
        both(only_quotas_are_down, log_says("OOM", "out of memory")), config("maxmemory", "0")),
    Row("R14", "NOSCRIPT: SCRIPT FLUSH under load", "loaded and run again, charged once", flush_scripts,
        charged_once),
    Row("R15", "function not found", "-", absent="the agent uses EVALSHA and no Redis functions"),
    Row("R16", "BUSY", DOWN + "; no SCRIPT KILL", keep_busy, both(store_is_down, log_says("BUSY")), end_busy),
    Row("R17", "MOVED", "deny, and the log says why", moved("MOVED 866 127.0.0.1:7001"),
        both(nothing_is_learned, log_says("MOVED", "Redis Cluster, which is not supported")), options=SCRIPT),
    Row("R17", "ASK", "deny, and the log says why", moved("ASK 866 127.0.0.1:7001"),
        both(nothing_is_learned, log_says("ASK", "Redis Cluster, which is not supported")), options=SCRIPT),
    Row("R18", "CLUSTERDOWN", DOWN, says(("HGETALL", "EVALSHA"), "CLUSTERDOWN Hash slot not served"),
        both(nothing_is_learned, log_says("CLUSTERDOWN")), options=SCRIPT),
    Row("R19", "NOAUTH: requirepass", "deny, logged, no storm", ask_for_a_password,
        both(store_is_down_without_a_storm, says_at_start("NOAUTH")), config("requirepass", ""),
        options={"redis_user": None}),
    Row("R20", "WRONGPASS: the ACL changed", "deny, back-off, no password in the log", change_password,
        both(store_is_down_without_a_storm, says_at_start("WRONGPASS")), change_it_back,
        options=PASSWORD),
    Row("R21", "NOPERM for records", "deny, and the log names the command", acl("-hgetall"),
        both(nothing_is_learned, log_says("HGETALL", "NOPERM")), acl("+hgetall")),
    Row("R21", "NOPERM for scripts", "quotas are not granted, and the log names the command",
        acl("-evalsha"), both(only_quotas_are_down, log_says("EVALSHA", "NOPERM")), acl("+evalsha")),
    Row("R22", "NOREPLICAS", "quotas are not granted, records go on", config("min-replicas-to-write", "1"),
        both(only_quotas_are_down, log_says("NOREPLICAS")), config("min-replicas-to-write", "0")),
    Row("R23", "WRONGTYPE", "deny that user; others are unaffected", make_bob_a_string,
        both(only_bob_is_refused, log_says("user:{bob}", "not a hash")), restore_bob),
    Row("R24", "a value of 64 MiB", "deny that user, in bounded memory", make_bob_huge,
        bob_is_refused_in_little_memory, restore_bob),
    Row("R25", "corrupt records", "deny who needs one; others are unaffected", corrupt_records,
        only_they_are_refused),
    Row("R26", "protocol garbage", "deny, in bounded memory", answers_to_strangers(GARBAGE, "HGETALL"),
        all_are_served, options=SCRIPT),
    Row("R26", "protocol garbage to scripts", "deny, in bounded memory",
        answers_to_strangers(GARBAGE, "EVALSHA"), all_are_served, options=SCRIPT),
    Row("R27", "replies of wrong types", "deny", answers_to_strangers(WRONG_TYPES, "HGETALL"),
        all_are_served, options=SCRIPT),
    Row("R27", "replies of wrong types to scripts", "deny", answers_to_strangers(WRONG_TYPES, "EVALSHA"),
        all_are_served, options=SCRIPT),
    Row("R28", "a reply too many", "the connection ends", double_replies, lambda world: None, options=SCRIPT),
    Row("R28", "answers of the call before", "known by their sequence, never spent", old_answers,
        no_more_than_debited, options=SCRIPT),
    Row("R29", "FLUSHALL", "keys unknown: deny; no free reset of quotas", flush_all, nobody_is_known,
        write_records_again),
    Row("R30", "a policy that evicts", "a warning", nothing, warns_of_eviction,
        options={"redis_options": ["maxmemory-policy allkeys-lru"]}),
    Row("R31", "Redis' clock steps an hour, and back", "no second full quota", step_redis_clock,
        stays_at_the_end, options={"clocks": ("redis", "agent"), "limit": {"quota": 50, "per": "hour"}}),
    Row("R32", "restart with an older dump", "no free reset of quotas", old_dump, dan_is_at_the_end,
        options={"redis_options": ["appendonly no"]}),
    Row("R33", "Sentinel failover", "no wrong allow; decided again in two seconds: test_sentinel.py"),
    Row("R34", "a name without an address, with a wrong one", "no look-up on the loop", play=name_without_an_address,
        options={"host": "store.reeve.test", "prefix": OWN_NAMES}),
    Row("R35", "TLS to Redis", "-", absent="there is none; a tunnel is the operator's"),
    Row("R36", "maxclients", "the connection there is works; a new one backs off", fill_clients,
        both(store_is_down, says_at_start("the server takes no more clients")), let_clients_in),
    Row("R37", "CLIENT KILL", "connects again; every caller is answered", kill_clients, all_are_served),
    Row("R38", "the shipped ACL", "the agent works, and may do nothing else", play=shipped_acl),
]  # fmt: skip
