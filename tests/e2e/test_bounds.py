"""Peers and limits that would wear an agent out: slow, silent, too many, too much."""

import socket
import time

import pytest

from harness import spop
from harness.load import Load
from harness.spop import Peer
from harness.wait import wait_until

TIMEOUT = 2


def test_case_54_silent_peer_times_out(start_stack):
    stack = start_stack(agents=1, hello_timeout="300ms")
    with Peer.connect(stack.agents[0].address) as peer:
        peer.expect_disconnect(TIMEOUT)


def test_case_54_slow_hello_times_out(start_stack):
    """A byte now and then does not move the end."""
    stack = start_stack(agents=1, hello_timeout="500ms")
    begin = time.monotonic()
    with Peer.connect(stack.agents[0].address) as peer:
        peer.sock.settimeout(0.1)
        for byte in spop.hello():
            peer.sock.send(bytes([byte]))
            try:
                assert peer.receive().pairs()["status-code"] == TIMEOUT
                break
            except TimeoutError:
                assert time.monotonic() - begin < 5.0
        else:
            raise AssertionError("the whole HELLO was taken")


def test_frame_that_does_not_end_times_out(start_stack):
    stack = start_stack(agents=1, frame_timeout="300ms")
    with Peer.connect(stack.agents[0].address) as peer:
        peer.greet()
        peer.send(spop.notify(1, spop.request_arguments())[:30])
        peer.expect_disconnect(TIMEOUT)


@pytest.mark.sanitized
def test_case_98_peer_that_never_reads_is_dropped(start_stack):
    stack = start_stack(agents=1, write_timeout="500ms", is_patient=True)
    agent = stack.agents[0]
    frame = spop.notify(1, spop.request_arguments())
    with Peer.connect(agent.address, timeout=0.2) as deaf:
        deaf.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.greet()

        def push():
            try:
                deaf.send(frame * 100)
            except TimeoutError:
                return False
            except OSError:
                return True
            return False

        wait_until(push, "the agent to drop the connection", 30.0)
    assert stack.fetch(user="alice").status == 200


def cpu_share(agent):
    """Over a second in which nothing is asked of it."""
    before, begin = agent.cpu_seconds(), time.monotonic()
    time.sleep(1)
    return (agent.cpu_seconds() - before) / (time.monotonic() - begin)


@pytest.mark.sanitized
def test_case_99_no_descriptors_left_does_not_spin(start_stack):
    """Accepting backs off; connections from before are served; afterwards all is well."""
    stack = start_stack(agents=1, prefix=["prlimit", "--nofile=64"], is_patient=True)
    agent = stack.agents[0]
    held = []
    with Peer.connect(agent.address) as early:
        early.greet()
        for _ in range(100):
            held.append(socket.create_connection(agent.address, timeout=5))
        wait_until(lambda: agent.open_files() >= 60, "its descriptors to run out")
        assert cpu_share(agent) < 0.2
        assert early.ask(1, key=stack.keys["alice"])["verdict"] == "allow"
        for one in held:
            one.close()
        wait_until(lambda: spop.passes_health_check(agent.address), "new connections")
        assert early.ask(2, key=stack.keys["alice"])["verdict"] == "allow"


@pytest.mark.sanitized
def test_descriptors_are_taken_up_to_the_hard_limit(start_stack):
    """A shell's soft limit is below max_connections, and the store needs descriptors too."""
    stack = start_stack(agents=1, prefix=["prlimit", "--nofile=64:512"])
    agent = stack.agents[0]
    held = [socket.create_connection(agent.address, timeout=5) for _ in range(100)]
    assert spop.passes_health_check(agent.address)
    for one in held:
        one.close()


def test_more_connections_than_allowed_wait(start_stack):
    stack = start_stack(agents=1, max_connections=16)
    agent = stack.agents[0]
    held = [socket.create_connection(agent.address, timeout=5) for _ in range(40)]
    assert cpu_share(agent) < 0.2
    for one in held:
        one.close()
    wait_until(lambda: stack.fetch(user="alice").status == 200, "service")


def test_case_100_storm_of_short_connections(start_stack):
    stack = start_stack(agents=1, is_patient=True)
    agent = stack.agents[0]
    wait_until(lambda: stack.fetch(user="alice").status == 200, "service")
    before = agent.open_files()
    with Load(stack.address, stack.mixed(), threads=2) as load:
        for _ in range(2000):
            with Peer.connect(agent.address) as peer:
                peer.send(spop.hello())
    assert load.others() == []
    wait_until(lambda: agent.open_files() <= before + 8, "its sockets to be closed")


@pytest.mark.sanitized
def test_requests_too_many_for_a_frozen_store_are_all_answered(start_stack):
    """Case 85 and 101: above its bounds the agent goes on reading and answers."""
    stack = start_stack(agents=1)
    agent = stack.agents[0]
    stack.redis.freeze()
    count = 3000
    with Peer.connect(agent.address) as peer:
        peer.greet()
        key = stack.keys["alice"]
        for first in range(0, count, 100):
            numbers = range(first, first + 100)
            peer.send(b"".join(spop.notify(i, spop.request_arguments(key=key)) for i in numbers))
        seen = set()
        for _ in range(count):
            answer = peer.receive()
            assert answer.variables()["verdict"] == "deny"
            assert answer.variables()["status"] == 503
            seen.add(answer.stream)
        assert seen == set(range(count))


def test_request_that_does_not_fit_the_frame_is_503_at_once(start_stack):
    """HAProxy's buffers larger than the agent's frames: no storm of connections (<= 3.0)."""
    stack = start_stack(agents=1, extra="    tune.bufsize 65536\n", max_frame_size=8192)
    connections = int(stack.haproxy.server("agent1")["stot"])
    begin = time.monotonic()
    answer = stack.fetch(headers=[("Authorization", "Bearer " + "a" * 20000)])
    assert answer.status == 503
    assert time.monotonic() - begin < 1.0
    assert int(stack.haproxy.server("agent1")["stot"]) - connections < 10
    assert stack.fetch(user="alice").status == 200


@pytest.mark.sanitized
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_share_the_connections(start_stack, workers):
    stack = start_stack(agents=1, workers=workers, is_patient=True)
    with Load(stack.address, stack.mixed(), count=400) as load:
        load.join()
    assert load.others() == []
    rids = set(load.allowed_rids())
    wait_until(lambda: rids <= {one["rid"] for one in stack.audit()}, "the audit")
