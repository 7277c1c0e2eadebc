"""H: HAProxy's side. Its timeouts and its reload, and peers that do not keep to SPOP."""

import copy
import resource
import struct
import time

from chaos_proxy import ChaosProxy
from harness import spop
from harness.haproxy import Haproxy
from harness.load import FAILED, Load
from harness.spop import FIN, Peer, frame, hello, message, notify, pairs, request_arguments, varint
from harness.stack import Stack
from harness.wait import wait_until
from store_rows import all_are_served, steadily
from table import LONG, Row
from world import key_of

ABORT = 2
ACKED, SKIPPED = "an ACK", "nothing, and the connection goes on"
NOBODY = message("reeve-check", request_arguments())


# Behind a real HAProxy.


def reload_under_load(start_stack):
    """haproxy -sf: the new one connects while the old one ends."""
    stack = start_stack(agents=1, is_patient=True, drain_delay="0")
    agent, argv, reloads = stack.agents[0], stack.haproxy.argv, 3
    stack.fetch(user="alice")
    before = agent.open_files()
    with Load(stack.address, stack.mixed()) as load:
        for _ in range(reloads):
            old, new = stack.haproxy, copy.copy(stack.haproxy)
            new.argv = [*argv, "-sf", str(old.pid)]
            new.child = None
            stack.haproxy = new
            new.start()
            assert old.wait(30.0) == 0
            seen = len(load.answers)
            wait_until(lambda seen=seen: len(load.answers) > seen + 100, "answers", 20.0)
    assert load.wrongly_allowed() == []
    others = load.others()
    # Who connects while one process has just stopped listening is reset by the kernel.
    assert {status for _, status in others} <= {FAILED}
    assert len(others) <= reloads * len(load.threads)
    wait_until(lambda: agent.open_files() <= before + len(load.threads), "the old connections to end")
    stack.terminate_agents()
    audited = stack.audited_allows()
    assert [rid for rid in load.allowed_rids() if audited[rid] != 1] == []


def start_with_a_proxy(directory):
    """A stack whose HAProxy reaches its agent through a ChaosProxy."""
    stack = Stack(directory, agents=1)
    front = ChaosProxy(stack.agents[0].address)
    stack.haproxy = Haproxy("api-keys", directory, stack.upstream.address, [front.address])
    stack.address = stack.haproxy.http_address
    return stack.start(), front


def late_acks(tmp_path):
    """HAProxy has given up by then: 503, and the ACK is nobody's."""
    stack, front = start_with_a_proxy(tmp_path)
    try:
        assert stack.fetch(user="alice").status == 200
        front.delay_s = 0.4
        late = [stack.fetch(user="alice") for _ in range(4)]
        assert {answer.status for answer in late} == {503}
        assert len(stack.upstream.received) == 1
        # The audit has what was decided; a new connection's HELLO is late too, and asks nothing.
        rids = {answer.rid for answer in late}
        wait_until(lambda: rids & stack.audited_allows().keys(), "one of them in the audit")
        with Load(stack.address, stack.mixed()) as load:
            for delay_s in (0.3, 0.0, 0.24, 0.26, 0.0):
                front.delay_s = delay_s
                time.sleep(0.3)
        assert load.wrongly_allowed() == []
        assert load.statuses() <= {200, 401, 403, 503}
        front.heal()
        wait_until(lambda: stack.fetch(user="alice").status == 200, "allows to come back")
    finally:
        stack.stop()
        front.stop()


# Raw bytes.


def agree(cases):
    """{what: (greets, bytes, what comes)}: a status, ACKED or SKIPPED. Others are served meanwhile."""

    def inject(world):
        for case, (greets, data, expected) in cases.items():
            with Peer.connect(world.agent.address) as peer:
                if greets:
                    peer.greet()
                peer.send(data)
                try:
                    look_at(peer, expected)
                except (AssertionError, spop.Closed) as failure:
                    raise AssertionError(f"{case}: {failure}") from failure

    return inject


def look_at(peer, expected):
    if expected == SKIPPED:
        assert peer.ask(99)["verdict"] == "deny"
    elif expected == ACKED:
        assert peer.receive().kind in (spop.ACK, spop.AGENT_HELLO)
    else:
        peer.expect_disconnect(expected)


def raw_notify(stream, number=b"\1", payload=NOBODY):
    """`stream` and `number` as they stand on the wire."""
    body = struct.pack(">BI", spop.NOTIFY, FIN) + stream + number + payload
    return struct.pack(">I", len(body)) + body


def hello_of(**changes):
    """HAPROXY-HELLO with other values; None leaves a key out."""
    items = {
        "supported-versions": "2.0",
        "max-frame-size": spop.Uint(16380),
        "capabilities": "pipelining",
        "engine-id": "e",
    }
    items.update({name.replace("_", "-"): value for name, value in changes.items()})
    given = [(name, value) for name, value in items.items() if value is not None]
    return frame(spop.HAPROXY_HELLO, pairs(given))


LENGTHS = {
    "0": (True, struct.pack(">I", 0), 4),
    "less than a header": (True, struct.pack(">I", 6) + bytes(6), 4),
    "limit + 1": (True, struct.pack(">I", 16381), 3),
    "2^31": (True, struct.pack(">I", 2**31), 3),
    "2^32 - 1": (True, struct.pack(">I", 2**32 - 1), 3),
    "2^31 before HELLO": (False, struct.pack(">I", 2**31), 3),
    "HTTP": (False, b"GET / HTTP/1.1\r\n\r\n", 3),
}
FRAMES = {
    "NOTIFY before HELLO": (False, notify(1, request_arguments()), 4),
    "DISCONNECT before HELLO": (False, frame(spop.HAPROXY_DISCONNECT), 0),
    "second HELLO": (True, hello(), 4),
    "AGENT-HELLO": (True, frame(spop.AGENT_HELLO), 4),
    "AGENT-DISCONNECT": (True, frame(spop.AGENT_DISCONNECT), 4),
    "ACK": (True, frame(spop.ACK, b"", 1, 1), 4),
    "unknown type": (True, frame(77, b"x", 1, 1), SKIPPED),
    "UNSET": (True, frame(0, NOBODY, 1, 1), 12),
    "NOTIFY without FIN": (True, frame(spop.NOTIFY, NOBODY, 1, 1, flags=0), 10),
    "NOTIFY with ABORT": (True, frame(spop.NOTIFY, NOBODY, 1, 1, flags=FIN | ABORT), SKIPPED),
}
VARINTS = {
    "11 bytes": (True, raw_notify(b"\xf0" + b"\x80" * 10), 4),
    "beyond 64 bits": (True, raw_notify(b"\xf0\xf1" + b"\xfe" * 7 + b"\x7f"), 4),
    "2^64 - 1": (True, raw_notify(bytes.fromhex("fff0fefefefefefefe0e")), ACKED),
    "cut by the frame's end": (True, struct.pack(">IBI", 7, 3, 1) + b"\1\xf0", 4),
    "a name of 2^64 - 1": (True, raw_notify(b"\1", payload=bytes.fromhex("fff0fefefefefefefe0e")), 4),
    "a value past the end": (
        True, raw_notify(b"\1", payload=spop.string("reeve-check") + b"\1\1v\x08" + varint(500)), 4),
    "more arguments than there are": (True, raw_notify(b"\1", payload=spop.string("reeve-check") + b"\xff"), 4),
}  # fmt: skip
MESSAGES = {
    "255 arguments": (
        True, notify(1, [*request_arguments(), *((f"a{number}", "x") for number in range(242))]), ACKED),
    "no message": (True, frame(spop.NOTIFY, b"", 1, 1), ACKED),
    "an unknown message": (True, frame(spop.NOTIFY, message("x", []), 1, 1), ACKED),
    "a reserved type": (True, frame(spop.NOTIFY, spop.string("reeve-check") + b"\1\1v\x0f", 1, 1), 4),
    "an address cut short": (True, frame(spop.NOTIFY, spop.string("reeve-check") + b"\1\3src\x06\1\2", 1, 1), 4),
}  # fmt: skip
HELLOS = {
    "frame size 1": (False, hello_of(max_frame_size=spop.Uint(1)), 9),
    "frame size 255": (False, hello_of(max_frame_size=spop.Uint(255)), 9),
    "frame size 256": (False, hello_of(max_frame_size=spop.Uint(256)), ACKED),
    "frame size 2^32": (False, hello_of(max_frame_size=spop.Uint(2**32)), ACKED),
    "frame size 2^64 - 1": (False, hello_of(max_frame_size=spop.Uint(2**64 - 1)), ACKED),
    "frame size as text": (False, hello_of(max_frame_size="16380"), 4),
    "no frame size": (False, hello_of(max_frame_size=None), 6),
    "version 1.0": (False, hello_of(supported_versions="1.0"), 8),
    "versions 2.0, 9.9": (False, hello_of(supported_versions="2.0, 9.9"), ACKED),
    "versions empty": (False, hello_of(supported_versions=""), 8),
    "no versions": (False, hello_of(supported_versions=None), 5),
    "no capabilities": (False, hello_of(capabilities=None), 7),
    "a health check": (False, hello(healthcheck=True), ACKED),
    "a health check as text": (False, hello_of(healthcheck="true"), 4),
    "without FIN": (False, frame(spop.HAPROXY_HELLO, hello_of()[11:], flags=0), 10),
}


def same_ids(world):
    """Two questions at once under one id, one of which waits for the store; then the id again."""
    with Peer.connect(world.agent.address) as peer:
        peer.greet()
        world.add_user("grace")
        asked = [key_of("grace"), None, key_of("grace")]
        peer.send(b"".join(notify(7, request_arguments(key=key), number=1) for key in asked))
        said = [peer.receive() for _ in asked]
        assert [(one.stream, one.number) for one in said] == [(7, 1)] * 3
        assert sorted(one.variables()["verdict"] for one in said) == ["allow", "allow", "deny"]
        assert peer.ask(7)["verdict"] == "deny"
        assert peer.ask(7, key=key_of("grace"))["verdict"] == "allow"


def idle_peers(world):
    """Their other end is gone, and nobody has said so."""
    world.peers = [Peer.connect(world.agent.address) for _ in range(20)]
    for peer in world.peers:
        peer.greet()
    assert world.agent.open_files() >= world.base_fds + 20


def they_are_closed(world):
    wait_until(lambda: world.agent.open_files() <= world.base_fds + 2, "idle connections to be closed", 5.0)
    for peer in world.peers:
        peer.close()


def flood(world):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 12000), hard))
    peers = []
    try:
        for _ in range(10_000):
            peers.append(Peer.connect(world.agent.address))
        steadily(world, {"alice": "ok"})
    finally:
        for peer in peers:
            peer.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


SPOP = "the status that SPOP has for it; others are served"

ROWS = [
    Row("H01", "HAProxy reloads under load", "nothing is lost; old connections end",
        tests=[("haproxy_rows", "reload_under_load")]),
    Row("H02", "the agent is down", "503 by the shipped configuration",
        tests=[("test_faults", "test_agent_killed_is_503_and_back_is_200"),
               ("test_faults", "test_one_dead_agent_of_two_costs_nothing_once_it_is_down")]),
    Row("H03", "the ACK comes after timeout processing", "503; it changes no other request; the audit has it",
        tests=[("haproxy_rows", "late_acks")]),
    Row("H04", "a peer stops reading", "it is closed; memory is bounded",
        tests=[("test_bounds", "test_case_98_peer_that_never_reads_is_dropped")]),
    Row("H05", "half-open connections", "idle_timeout frees them", idle_peers, they_are_closed,
        options={"idle_timeout": "1s"}),
    Row("H06", "slow HELLO, slow frame", "timeouts for the whole",
        tests=[("test_bounds", "test_case_54_silent_peer_times_out"),
               ("test_bounds", "test_case_54_slow_hello_times_out"),
               ("test_bounds", "test_frame_that_does_not_end_times_out")]),
    Row("H07", "more connections than are allowed", "they wait; nothing spins",
        tests=[("test_bounds", "test_more_connections_than_allowed_wait")]),
    Row("H07", "a storm of short connections", "others are served; no descriptor is left",
        tests=[("test_bounds", "test_case_100_storm_of_short_connections")]),
    Row("H07", "10,000 connections", "others are served; all is given back", flood, all_are_served,
        tier=LONG),
    Row("H08", "frame lengths", SPOP, agree(LENGTHS), all_are_served),
    Row("H09", "frames out of place", SPOP, agree(FRAMES), all_are_served),
    Row("H10", "varints", SPOP, agree(VARINTS), all_are_served),
    Row("H11", "messages", SPOP, agree(MESSAGES), all_are_served),
    Row("H11", "wrong, missing and doubled arguments", "deny; the ACK is sent",
        tests=[("test_spop", "test_cases_62_69_70_77_wrong_arguments_never_allow"),
               ("test_spop", "test_case_68_doubled_argument_never_allows"),
               ("test_spop", "test_case_60_the_same_message_twice_is_refused")]),
    Row("H12", "the same ids twice at once, and again", "each is answered", same_ids, all_are_served),
    Row("H13", "HELLOs", SPOP, agree(HELLOS), all_are_served),
    Row("H14", "headers of 0.1 to 64 KiB", "a verdict or 503, never let in without one",
        tests=[("test_gate", "test_long_credential_never_gets_in"),
               ("test_gate", "test_long_header_of_another_name_does_not_matter"),
               ("test_bounds", "test_request_that_does_not_fit_the_frame_is_503_at_once")]),
    Row("H15", "HTTP/2: verdicts of streams interleave", "none crosses to another stream",
        tests=[("test_gate", "test_interleaved_verdicts_of_one_http2_connection")]),
    Row("H16", "the agent dies between requests of a connection", "503",
        tests=[("test_faults", "test_connection_does_not_keep_its_allow_when_the_agent_dies")]),
    Row("H17", "the response's event is missing", "-", absent="the contract asks nothing about responses"),
    Row("H18", "an agent has an old configuration", "log and audit name the configuration by its hash",
        tests=[("test_audit", "test_the_agent_tells_of_itself")]),
]  # fmt: skip
