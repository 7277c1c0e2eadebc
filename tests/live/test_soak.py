"""Coming and going for long: descriptors and memory return to where they were."""

import signal
import time

from chaos_proxy import ChaosProxy
from crowd import key_text
from harness.spop import Peer
from harness.wait import wait_until
from test_outage import memory_kib

GROWTH_KIB = 1024
# A machine that stands still for a moment is taken for no outage of the store.
PATIENT = {"deadline": "1800ms", "store_timeout": "1500ms"}


def settle(crowd):
    """(open files, KiB) of the one agent, when nothing is going on."""
    agent = crowd.agents[0]
    wait_until(lambda: ask(agent) == "allow", "an allow")
    time.sleep(0.5)
    return agent.open_files(), memory_kib(agent)


def ask(agent, number=0):
    with Peer.connect(agent.address) as peer:
        peer.greet()
        return peer.ask(1, path="/v1/orders/7", key=key_text(number))["verdict"]


def check_base(crowd, before, say, what):
    files, memory = settle(crowd)
    say(f"{what}: {before[0]} to {files} descriptors, {before[1]} to {memory} KiB")
    assert files <= before[0]
    assert memory - before[1] < GROWTH_KIB


def test_peers_that_reconnect(start_crowd, is_long, say):
    count = 23000 if is_long else 1000
    crowd = start_crowd(agents=1)
    for _ in range(100):
        ask(crowd.agents[0])
    before = settle(crowd)
    for number in range(count):
        assert ask(crowd.agents[0], number % len(crowd.users)) == "allow"
    check_base(crowd, before, say, f"{count} connections of peers")


def test_a_store_that_is_lost_again_and_again(start_crowd, is_long, say):
    count = 1000 if is_long else 30
    crowd = start_crowd(agents=1, proxy=ChaosProxy)
    before = settle(crowd)
    load = crowd.load(500, count * 0.2 + 5)
    for _ in range(count):
        accepted = crowd.proxy.accepted
        crowd.proxy.cut_all(with_reset=True)
        wait_until(lambda: crowd.proxy.accepted >= accepted + 2, "both connections to come back")
    load.stop()
    check_base(crowd, before, say, f"{count} losses of the store")


def test_reloads(start_crowd, is_long, say):
    count = 1000 if is_long else 50
    crowd = start_crowd(agents=1)
    agent = crowd.agents[0]
    agent.signal(signal.SIGHUP)
    before = settle(crowd)
    load = crowd.load(1000, count * 0.02 + 10)
    for _ in range(count):
        agent.signal(signal.SIGHUP)
        time.sleep(0.01)
    load.stop()
    check_base(crowd, before, say, f"{count} reloads under load")


def test_soak(start_crowd, is_long, say):
    seconds = 600 if is_long else 10
    crowd = start_crowd(agents=1, users=1000, **PATIENT)
    crowd.load(2000, 3).join()
    before = settle(crowd)
    load = crowd.load(2000, seconds)
    end = time.monotonic() + seconds - 1
    turn = 0
    while time.monotonic() < end:
        crowd.store("HSET", f"reeve:user:{{u{turn % 1000}}}", "note", f"turn {turn}")
        turn += 1
        time.sleep(0.005)
    for result in load.join():
        assert result["allow"] == result["asked"]
    check_base(crowd, before, say, f"{seconds} s of load with {turn} changes of users")
