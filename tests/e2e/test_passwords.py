"""haproxy-examples/basic: user names and passwords through real HAProxy and Redis."""

import base64
import collections
import itertools
import json
import re
import signal
import statistics
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness.agent import BUILD
from harness.stack import Stack
from harness.wait import wait_until

pytestmark = pytest.mark.sanitized

CHALLENGE = 'Bearer realm="reeve", Basic realm="reeve", charset="UTF-8"'
DEAR = {"scheme": "scrypt", "parameters": "ln=14,r=8,p=2"}
# Who fails often is not what these tests are about.
UNSHIELDED = {"max_failures": 0, "max_source_failures": 0}


def basic(pair):
    return base64.b64encode(pair.encode() if isinstance(pair, str) else pair).decode()


def ask(stack, pair, **options):
    return stack.fetch(headers=[("Authorization", f"Basic {basic(pair)}")], **options)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For tests that leave alice as she is."""
    own = Stack(tmp_path_factory.mktemp("basic"), "basic", is_patient=True, **UNSHIELDED)
    try:
        own.start()
        own.admin.set_password("alice", "s3cret: ü")
        own.admin("user", "add", "carol", "roles=reader")
        yield own
    finally:
        own.stop()


def statuses(stack, pair):
    """What ten requests are told; both agents are among them."""
    return {ask(stack, pair).status for _ in range(10)}


def test_a_password_stands_for_its_user(shared):
    stack = shared
    answer = ask(stack, "alice:s3cret: ü")
    assert (answer.status, answer.body) == (200, b"upstream\n")
    got = stack.upstream.received[-1]
    assert got.value("X-Reeve-User") == "alice"
    assert got.value("X-Reeve-Credential") == "password"
    assert not any("authorization" == name.lower() for name, _ in got.headers)
    record = stack.audit_of(answer.rid)
    assert (record["user"], record["credential"], record["rule"]) == ("alice", "password", "reader/10")
    assert ask(stack, "alice:s3cret: ü", path="/admin").status == 403
    assert stack.fetch(user="alice").status == 200


# RELIABILITY C6, and what else is no password.
BAD = {
    "wrong": "alice:s3cret",
    "unknown_user": "nobody:s3cret: ü",
    "user_without_a_password": "carol:s3cret: ü",
    "empty": "alice:",
    "no_user": ":s3cret: ü",
    "no_colon": "alice",
    "nothing": "",
    "nul_inside": "alice:s3cret: ü\0x",
    "nul_behind": "alice:s3cret: ü\0",
    "nul_in_the_name": "alice\0:s3cret: ü",
    "line_feed": "alice:s3cret: ü\n",
    "not_utf8": b"alice:s3cret: \xfc",
    "long": "alice:" + "x" * 5000,
    "user_in_upper_case": "ALICE:s3cret: ü",
}


@pytest.mark.parametrize("pair", BAD.values(), ids=BAD.keys())
def test_what_is_not_the_password_is_refused_alike(shared, pair):
    answer, again = ask(shared, pair), ask(shared, pair)
    for one in (answer, again):
        assert (one.status, one.problem()["reason"]) == (401, "bad_credential")
        assert one.header("WWW-Authenticate") == CHALLENGE
    assert len(answer.body) == len(again.body)
    assert ask(shared, "alice:s3cret: ü").status == 200


@pytest.mark.parametrize(
    "value", ["Basic", "Basic !", "Basic YWxpY2U", "Basic YWxpY2U6czNjcmV0,", "Basic\tYTpi", "Basic " + "A" * 15000],
    ids=["empty", "junk", "unpadded", "comma", "tab", "large"],
)  # fmt: skip
def test_what_is_no_base64_is_refused(shared, value):
    assert shared.fetch(headers=[("Authorization", value)]).status in (400, 401, 431)
    assert ask(shared, "alice:s3cret: ü").status == 200


def test_a_megabyte_is_no_password_and_nobody_waits_for_it(shared):
    try:
        status = ask(shared, b"alice:" + b"x" * 1_000_000).status
    except ConnectionError:
        status = 400  # HAProxy closes while it is sent
    assert status in (400, 401, 431)
    assert ask(shared, "alice:s3cret: ü").status == 200


def test_the_password_is_written_nowhere(shared):
    ask(shared, "alice:s3cret: ü")
    wrong = ask(shared, "alice:wr0ng-one")
    assert "user" not in shared.audit_of(wrong.rid)
    for agent in shared.agents:
        text = agent.audit_path.read_bytes().decode() + agent.log()
        for private in ("s3cret", "wr0ng-one", basic("alice:s3cret: ü"), basic("alice:wr0ng-one")):
            assert private not in text


# RELIABILITY C7.
def test_a_change_counts_at_once_on_every_agent(shared):
    stack = shared
    old, new = "dora:s3cret: ü", "dora:another one"
    stack.admin("user", "add", "dora", "roles=reader")
    stack.admin.set_password("dora", "s3cret: ü")
    assert statuses(stack, old) == {200}
    assert "2/2 agents" in stack.admin.set_password("dora", "another one", wait=("--wait",))
    assert statuses(stack, old) == {401}
    assert statuses(stack, new) == {200}
    stack.admin("user", "disable", "dora", "--wait")
    assert statuses(stack, new) == {403}
    assert statuses(stack, old) == {401}
    stack.admin("user", "enable", "dora", "--wait")
    assert statuses(stack, new) == {200}
    stack.admin("user", "set", "dora", "expires=1s", "--wait")
    wait_until(lambda: statuses(stack, new) == {403}, "the user to expire", 5.0)
    stack.admin("user", "set", "dora", "expires=never", "--wait")
    stack.admin("user", "password", "--remove", "dora", "--wait")
    assert statuses(stack, new) == {401}


def test_a_poisoned_record_is_bad_and_stalls_nobody(shared):
    stack = shared
    stack.admin("user", "add", "eve")
    stack.redis.command("HSET", "reeve:user:{eve}", "password",
                        "$scrypt$ln=30,r=32,p=64$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")  # fmt: skip
    assert ask(stack, "eve:x").problem()["reason"] == "bad_record"
    assert ask(stack, "alice:s3cret: ü").status == 200


# ---- a process that changes while passwords are hashed ----


def asked_aside(stack, count):
    """So many passwords of one user at a dear cost, none of them right, as futures; some are hashed
    when this returns."""
    stack.admin.set_password("bob", "the right one", **DEAR)
    futures = [
        stack.pool.submit(ask, stack, f"bob:wrong {number}", source=f"127.0.0.{2 + number}")
        for number in range(count)
    ]
    futures.append(stack.pool.submit(ask, stack, "bob:the right one"))
    time.sleep(0.3)  # until they are on their way; what holds does not depend on it
    return futures


def test_a_reload_loses_no_password_that_is_hashed(shared):
    stack = shared
    futures = asked_aside(stack, 6)
    for agent in stack.agents:
        agent.signal(signal.SIGHUP)
    answers = [future.result(30) for future in futures]
    assert {answer.status for answer in answers[:-1]} <= {401, 503}
    assert answers[-1].status in (200, 503)
    wait_until(lambda: ask(stack, "bob:the right one").status == 200, "the right one to be taken")


def test_a_drain_waits_for_what_is_hashed(start_stack):
    own = start_stack(example="basic", is_patient=True, agents=1, drain_delay="100ms",
                      **UNSHIELDED)  # fmt: skip
    futures = asked_aside(own, 4)
    own.terminate_agents()
    for future in futures:
        assert future.result(30).status in (200, 401, 503)
    assert own.agents[0].log().count("stopped") == 1


def test_a_stop_in_the_middle_ends_in_time(start_stack):
    """Drained for so short a time that hashes are under way and queued when the workers are stopped."""
    own = start_stack(example="basic", is_patient=True, agents=1, workers=2, drain_delay="0",
                      drain_timeout="100ms", **UNSHIELDED)  # fmt: skip
    futures = asked_aside(own, 12)
    own.terminate_agents()
    for future in futures:
        assert future.result(30).status in (200, 401, 503)


# ---- RELIABILITY C3 ----


class Flood:
    """Attempts with valid-looking users from many addresses, until it is stopped."""

    def __init__(self, stack, threads=12, sources=64):
        self.stack, self.sources = stack, sources
        self.answers = collections.Counter()
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(threads)]

    def run(self, number):
        for i in itertools.count():
            if self.is_over.is_set():
                return
            pair = f"user{(i * 7 + number) % 50}:guess {number} {i}"
            source = f"127.0.1.{1 + (i * len(self.threads) + number) % self.sources}"
            answer = ask(self.stack, pair, source=source)
            with self.lock:
                self.answers[answer.status, answer.problem()["reason"]] += 1

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()


def test_a_flood_of_guesses_leaves_keys_alone(start_stack):
    own = start_stack(example="basic", is_patient=True, agents=1, password_queue=4,
                      deadline="1s", store_timeout="800ms", **UNSHIELDED)  # fmt: skip
    for number in range(0, 50, 2):
        own.admin("user", "add", f"user{number}", "roles=reader")
    own.admin.set_password("user0", "x", **DEAR)
    with Flood(own) as flood:
        keys = collections.Counter(own.fetch(user="alice").status for _ in range(100))
        wait_until(lambda: flood.answers[503, "overload"] > 20, "the queue to be full", 30.0)
        wait_until(lambda: flood.answers[401, "bad_credential"] > 0, "one to be hashed", 30.0)
    assert keys == {200: 100}
    assert set(flood.answers) <= {(401, "bad_credential"), (503, "overload"), (503, "deadline")}
    own.terminate_agents()
    records = own.audit()
    counted = sum(record.get("count", 1) for record in records if record.get("user", "") == "")
    assert counted >= sum(flood.answers.values())


ROUNDS, ATTEMPTS, KEYED = 5, 1000, 2000  # per second, for so many seconds a round:
SECONDS = 2


def spopload(agent, path, rate):
    """The same agent's SPOP, without HAProxy and clients, which would take the processors' time."""
    return subprocess.Popen(
        [BUILD / "spopload", "--connect", f"tcp://{agent.address[0]}:{agent.address[1]}",
         "--file", path, "--frontend", "api", "--rate", str(rate), "--seconds", str(SECONDS),
         "--connections", "2", "--window", "400"], stdout=subprocess.PIPE)  # fmt: skip


def p99_us(load):
    result = json.loads(load.communicate(timeout=60)[0])
    assert result["wrong"] == 0 and result["missing"] == 0, result
    return result["latency_us"]["p99"], result


@pytest.mark.long
def test_ten_thousand_attempts_in_ten_seconds(start_stack, tmp_path, say):
    own = start_stack(example="basic", agents=1, **UNSHIELDED)
    own.admin.set_password("alice", "s3cret", **DEAR)
    for number in range(100):
        own.admin("user", "add", f"user{number}", "roles=reader")
    line = "GET\tapi.example.com\t/v1/orders/7\t{}\t{}\t{}\n"
    keyed, guesses = tmp_path / "keyed.tsv", tmp_path / "guesses.tsv"
    keyed.write_text(line.format(own.keys["alice"], "192.0.2.1", "allow"))
    guesses.write_text("".join(
        line.format("Basic " + basic(f"user{i % 200}:guess {i}"), f"198.18.{i % 7}.{i % 250}", "deny")
        for i in range(ATTEMPTS * SECONDS * ROUNDS)))  # fmt: skip
    without, beside, denied = [], [], 0
    p99_us(spopload(own.agents[0], keyed, KEYED))
    for number in range(ROUNDS):
        if number % 2 == 0:
            without.append(p99_us(spopload(own.agents[0], keyed, KEYED))[0])
        flood = spopload(own.agents[0], guesses, ATTEMPTS)
        beside.append(p99_us(spopload(own.agents[0], keyed, KEYED))[0])
        denied += p99_us(flood)[1]["deny"]
        if number % 2 != 0:
            without.append(p99_us(spopload(own.agents[0], keyed, KEYED))[0])
    ratio = statistics.median(beside) / statistics.median(without)
    say(f"C3: {denied} attempts; p99 of keys {statistics.median(without):.0f} us without, "
           f"{statistics.median(beside):.0f} us beside them: {ratio:.2f}")  # fmt: skip
    assert denied > 0.95 * ATTEMPTS * SECONDS * ROUNDS
    peak_kib = int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{own.agents[0].pid}/status").read_text())[1])
    assert peak_kib < 96 * 1024
    own.terminate_agents()
    reasons = collections.Counter()
    for record in own.audit():
        reasons[record["reason"]] += record.get("count", 1)
    assert reasons["overload"] > 0.8 * denied
    assert reasons["overload"] + reasons["bad_credential"] + reasons["deadline"] == denied
    assert ratio <= 2.0
