"""How long after its revocation a client certificate is still let in, anywhere."""

import collections
import hashlib
import threading
import time

import pytest
from crowd import Watch, mono_us
from harness.spop import Peer
from test_revocation import PAUSE, assert_soon, last_allow, percentile

USERS = 4
GATES = 'gate "*" { accept = {cert} }\n'


def digest(number):
    return hashlib.sha256(b"certificate %d" % number).digest()


def key(number):
    return f"reeve:cert:{digest(number).hex()}"


class Asking(threading.Thread):
    """Asks one agent all the time, with each certificate in turn."""

    def __init__(self, agent):
        super().__init__(daemon=True)
        self.agent = agent
        self.ends = threading.Event()
        self.asked = 0

    def run(self):
        with Peer.connect(self.agent.address) as peer:
            peer.greet()
            while not self.ends.is_set():
                self.asked += 1
                peer.ask(
                    self.asked,
                    path="/v1/orders/7",
                    tls=True,
                    c_used=True,
                    c_verify=0,
                    c_sha256=digest(self.asked % USERS),
                    c_dn="CN=x",
                    c_idn="CN=Any CA",
                )


@pytest.fixture
def crowd(start_crowd):
    crowd = start_crowd(users=USERS, gates=GATES)
    for number in range(USERS):
        crowd.store("HSET", key(number), "user", f"u{number}", "state", "active")
    return crowd


def by_hset(crowd, number):
    crowd.store("HSET", key(number), "state", "disabled")


def by_admin(crowd, number):
    crowd.admin("cert", "revoke", digest(number).hex())


def allows_by_user(crowd):
    allows = collections.defaultdict(list)
    for agent in crowd.agents:
        for record in agent.audit():
            if record["verdict"] == "allow":
                allows[int(record["user"].removeprefix("u"))].append(record["mono_us"])
    return {number: sorted(times) for number, times in allows.items()}


def test_a_revoked_certificate_is_refused_everywhere_within_milliseconds(crowd, is_long, say):
    rounds = 400 if is_long else 24
    asking = [Asking(agent) for agent in crowd.agents]
    for thread in asking:
        thread.start()
    time.sleep(0.5)
    made = []
    with Watch(crowd) as watch:
        for turn in range(rounds):
            number, way = turn % USERS, (by_hset, by_admin)[turn // USERS % 2]
            begin = mono_us()
            way(crowd, number)
            changed = watch.first_after(begin, f'"HSET" "{key(number)}"')
            time.sleep(PAUSE)
            made.append((number, changed, mono_us()))
            crowd.store("HSET", key(number), "state", "active")
            time.sleep(PAUSE / 2)
    for thread in asking:
        thread.ends.set()
        thread.join(10)
    crowd.terminate()
    allows = allows_by_user(crowd)
    times = [last_allow(allows[number], changed, back) for number, changed, back in made]
    say(
        f"certificates: {rounds} revocations on {len(crowd.agents)} agents, "
        f"{sum(thread.asked for thread in asking)} decisions: last request let in "
        f"p50 {percentile(times, 0.5) / 1000:.1f}, p99 {percentile(times, 0.99) / 1000:.1f}, "
        f"max {max(times) / 1000:.1f} ms after the write"
    )
    # Each agent was asked often enough for the figure to mean something.
    assert min(thread.asked for thread in asking) > rounds * USERS * 2
    assert_soon(times, is_long)
