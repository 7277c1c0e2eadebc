"""reeved alone, spoken to over raw sockets. Numbers are cases of the SPOP conformance list."""

import random
import socket
import struct

import pytest

from harness import spop
from harness.spop import Peer
from harness.wait import wait_until

pytestmark = pytest.mark.sanitized

SEED = 2
INVALID_FRAME, TOO_BIG = 4, 3


@pytest.fixture(scope="module")
def address(stack):
    return stack.agents[0].address


@pytest.fixture
def peer(address):
    with Peer.connect(address) as connection:
        connection.greet()
        yield connection


@pytest.fixture
def is_serving_others(stack, address):
    """Whatever a test does, a connection from before goes on, and new ones are served."""
    with Peer.connect(address) as other:
        other.greet()
        yield
        assert other.ask(1, key=stack.keys["alice"])["verdict"] == "allow"
    with Peer.connect(address) as new:
        new.greet()
        assert new.ask(1, key=stack.keys["alice"])["verdict"] == "allow"


def length(value):
    return struct.pack(">I", value)


@pytest.mark.parametrize("value", range(0, 7))
def test_cases_1_2_frame_shorter_than_a_header(peer, is_serving_others, value):
    peer.send(length(value) + bytes(value))
    peer.expect_disconnect(INVALID_FRAME)


def padded(size, stream=1):
    """A NOTIFY whose frame has this length: an unknown argument fills it."""
    for fill in range(size, 0, -1):
        arguments = spop.request_arguments(filler="a" * fill)
        frame = spop.notify(stream, arguments)
        if len(frame) - 4 == size:
            return frame
    raise AssertionError(f"no frame of {size} bytes")


def test_case_3_frame_of_the_limit(address):
    with Peer.connect(address) as peer:
        agreed = peer.greet(size=1024)["max-frame-size"]
        peer.send(padded(agreed))
        assert peer.receive().variables()["reason"] == "no_credential"


@pytest.mark.parametrize("extra", [1, 2**31, 2**32 - 1 - 1024], ids=["plus_1", "2^31", "max"])
def test_cases_4_5_frame_above_the_limit(address, is_serving_others, extra):
    with Peer.connect(address) as peer:
        agreed = peer.greet(size=1024)["max-frame-size"]
        peer.send(length(agreed + extra))
        peer.expect_disconnect(TOO_BIG)


CLIENT_HELLO = bytes.fromhex("16030100a5010000a10303") + bytes(160)


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", CLIENT_HELLO, b"*1\r\n$4\r\nPING\r\n", b"\xff" * 64],
    ids=["http", "tls", "redis", "ones"],
)
def test_cases_6_7_another_protocol(address, is_serving_others, data):
    with Peer.connect(address) as peer:
        peer.send(data)
        try:
            assert peer.receive().kind == spop.AGENT_DISCONNECT
        except spop.Closed:
            return
        peer.expect_closed()


def conversation(key):
    """HELLO and three requests; the verdicts they get."""
    frames = [spop.hello()]
    frames += [spop.notify(1, spop.request_arguments(key=key))]
    frames += [spop.notify(2, spop.request_arguments())]
    frames += [spop.notify(3, spop.request_arguments(path="/admin", key=key))]
    return frames, {1: "allow", 2: "deny", 3: "deny"}


def verdicts(peer, count):
    got = {}
    for _ in range(count):
        answer = peer.receive()
        assert answer.kind == spop.ACK and answer.flags == spop.FIN
        assert answer.stream not in got
        got[answer.stream] = answer.variables()["verdict"]
    return got


def test_case_8_one_byte_at_a_time(stack, address):
    frames, wanted = conversation(stack.keys["alice"])
    with Peer.connect(address) as peer:
        for byte in frames[0]:
            peer.send(bytes([byte]))
        # The whole HELLO is there after one read: it left in one write.
        data = peer.sock.recv(65536)
        assert struct.unpack(">I", data[:4])[0] == len(data) - 4
        for byte in b"".join(frames[1:]):
            peer.send(bytes([byte]))
        assert verdicts(peer, 3) == wanted


def test_case_9_cut_anywhere(stack, address, is_long):
    frames, wanted = conversation(stack.keys["alice"])
    data = b"".join(frames)
    cuts = range(1, len(data)) if is_long else range(1, len(data), 7)
    for cut in cuts:
        with Peer.connect(address) as peer:
            peer.send(data[:cut])
            if cut >= len(frames[0]):
                assert peer.receive().kind == spop.AGENT_HELLO
            peer.send(data[cut:])
            if cut < len(frames[0]):
                assert peer.receive().kind == spop.AGENT_HELLO
            assert verdicts(peer, 3) == wanted, f"cut at {cut}"


def test_case_10_fifty_frames_in_one_segment(stack, peer):
    frames = [spop.notify(i, spop.request_arguments(key=stack.keys["alice"])) for i in range(50)]
    peer.send(b"".join(frames))
    assert verdicts(peer, 50) == {stream: "allow" for stream in range(50)}


def test_case_11_three_and_a_half_frames(peer):
    frames = [spop.notify(i, spop.request_arguments()) for i in range(4)]
    data = b"".join(frames)
    half = len(data) - len(frames[3]) // 2
    peer.send(data[:half])
    assert set(verdicts(peer, 3)) == {0, 1, 2}
    peer.send(data[half:])
    assert set(verdicts(peer, 1)) == {3}


def test_case_12_end_at_a_frame_boundary(peer, is_serving_others):
    peer.sock.shutdown(socket.SHUT_WR)
    peer.expect_closed()


def test_case_13_end_inside_a_frame(peer, is_serving_others):
    peer.send(spop.notify(1, spop.request_arguments())[:20])
    peer.sock.shutdown(socket.SHUT_WR)
    peer.expect_closed()


def reset(peer):
    """close() with RST instead of FIN."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def test_case_14_reset_while_idle(peer, is_serving_others):
    reset(peer)


def test_case_14_reset_while_answers_are_written(address, is_serving_others):
    for count in range(1, 40):
        with Peer.connect(address) as peer:
            peer.greet()
            peer.send(b"".join(spop.notify(i, spop.request_arguments()) for i in range(count)))
            reset(peer)


@pytest.mark.parametrize("stream", [0, 1, 239, 240, 2**32, 2**63, 2**64 - 1])
def test_cases_15_56_stream_ids_come_back_exactly(peer, stream):
    assert peer.ask(stream)["reason"] == "no_credential"


def test_case_20_reserved_flags_are_ignored(peer):
    payload = spop.message("reeve-check", spop.request_arguments())
    peer.send(spop.frame(spop.NOTIFY, payload, 1, 1, flags=0x81))
    assert peer.receive().variables()["verdict"] == "deny"


def test_case_21_unknown_frame_types_are_skipped(peer):
    for kind in [4, 50, 100, 104, 255]:
        peer.send(spop.frame(kind, b"whatever", 1, 1))
    assert peer.ask(2)["verdict"] == "deny"


def test_case_27_health_check(address):
    with Peer.connect(address) as peer:
        peer.send(spop.hello(healthcheck=True))
        answer = peer.receive()
        assert (answer.kind, answer.flags, answer.stream, answer.number) == (101, 1, 0, 0)
        assert answer.pairs() == {"version": "2.0", "max-frame-size": 256, "capabilities": ""}
        peer.expect_closed()


def test_case_52_question_before_hello(address, is_serving_others):
    with Peer.connect(address) as peer:
        peer.send(spop.notify(1, spop.request_arguments()))
        peer.expect_disconnect(INVALID_FRAME)


def test_case_55_verdict_comes_first(stack, peer):
    variables = peer.ask(7, key=stack.keys["alice"])
    assert list(variables)[0] == "verdict"
    assert (variables["verdict"], variables["status"], variables["user"]) == ("allow", 200, "alice")


def test_case_59_unknown_message_is_acknowledged_without_actions(peer):
    payload = spop.message("other", [("a", 1)])
    peer.send(spop.frame(spop.NOTIFY, payload, 1, 1))
    answer = peer.receive()
    assert (answer.kind, answer.stream, answer.payload) == (spop.ACK, 1, b"")


def test_case_60_the_same_message_twice_is_refused(stack, peer):
    message = spop.message("reeve-check", spop.request_arguments(key=stack.keys["alice"]))
    peer.send(spop.frame(spop.NOTIFY, message * 2, 1, 1))
    assert peer.receive().variables()["verdict"] == "deny"


WRONG_ARGUMENTS = {
    "no_arguments": [],
    "other_version": {"v": 2},
    "version_as_text": {"v": "1"},
    "path_null": {"path": None},
    "path_empty": {"path": ""},
    "path_as_number": {"path": 1},
    "method_null": {"method": None},
    "source_as_text": {"src": "127.0.0.1"},
    "two_keys_counted": {"apikey_n": 2},
    "two_hosts_counted": {"host_n": 2},
}


@pytest.mark.parametrize("case", WRONG_ARGUMENTS)
def test_cases_62_69_70_77_wrong_arguments_never_allow(stack, peer, case):
    change = WRONG_ARGUMENTS[case]
    arguments = []
    if change:
        arguments = dict(spop.request_arguments(key=stack.keys["alice"]))
        arguments = list({**arguments, **change}.items())
    peer.send(spop.notify(1, arguments))
    assert peer.receive().variables()["verdict"] == "deny"


def test_case_67_order_of_arguments_does_not_matter(stack, peer):
    arguments = spop.request_arguments(key=stack.keys["alice"])
    for seed in range(20):
        shuffled = random.Random(seed).sample(arguments, len(arguments))
        peer.send(spop.notify(seed, shuffled))
        assert peer.receive().variables()["verdict"] == "allow"


@pytest.mark.parametrize("name", ["v", "path", "apikey", "method", "src", "host"])
def test_case_68_doubled_argument_never_allows(stack, peer, name):
    arguments = spop.request_arguments(key=stack.keys["alice"])
    doubled = next(pair for pair in arguments if pair[0] == name)
    peer.send(spop.notify(1, arguments + [doubled]))
    assert peer.receive().variables()["verdict"] == "deny"


def test_case_89_small_limit_keeps_the_verdict(stack, address):
    with Peer.connect(address) as peer:
        assert peer.greet(size=256)["max-frame-size"] == 256
        arguments = dict(spop.request_arguments(path="/v1/orders", key=stack.keys["alice"]))
        for name in ("tls", "authz", "authz_n", "rid"):
            del arguments[name]
        peer.send(spop.notify(1, list(arguments.items())))
        answer = peer.receive()
        assert len(answer.raw) <= 256
        assert answer.variables()["verdict"] == "allow"


@pytest.mark.parametrize("status", [0, 2, 4, 13, 77, 99, 2**32])
def test_cases_91_94_disconnect_is_answered(address, is_serving_others, status):
    with Peer.connect(address) as peer:
        peer.greet()
        items = [("status-code", spop.Uint(status)), ("message", "bye")]
        peer.send(spop.frame(spop.HAPROXY_DISCONNECT, spop.pairs(items)))
        peer.expect_disconnect(0)


def test_random_bytes_never_allow_and_never_kill(stack, address, is_serving_others, is_long):
    """Mutated conversations; the seed is fixed, so a failure can be had again."""
    chance = random.Random(SEED)
    frames, _ = conversation("rv_" + "0" * 50)
    data = b"".join(frames)
    for _ in range(20000 if is_long else 400):
        mutated = bytearray(data)
        for _ in range(chance.randint(1, 8)):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        with Peer.connect(address) as peer:
            peer.send(bytes(mutated[: chance.randint(1, len(mutated))]))
            peer.sock.shutdown(socket.SHUT_WR)
            try:
                while True:
                    answer = peer.receive()
                    assert answer.kind in (spop.AGENT_HELLO, spop.AGENT_DISCONNECT, spop.ACK)
                    if answer.kind == spop.ACK and answer.payload:
                        assert answer.variables()["verdict"] == "deny"
            except spop.Closed:
                pass
    assert stack.agents[0].is_running()


def test_connections_leave_nothing_behind(stack, address):
    """Case 100: opened, greeted, closed, over and over."""
    agent = stack.agents[0]
    before = agent.open_files()
    for _ in range(500):
        with Peer.connect(address) as peer:
            peer.send(spop.hello())
    wait_until(lambda: agent.open_files() <= before + 2, "its sockets to be closed")
