"""SPOP in Python, enough to play either side: HAProxy against reeved, an agent against HAProxy."""

import ipaddress
import select
import socket
import struct

HAPROXY_HELLO, HAPROXY_DISCONNECT, NOTIFY = 1, 2, 3
AGENT_HELLO, AGENT_DISCONNECT, ACK = 101, 102, 103
FIN = 1
SCOPE_SESSION, SCOPE_TRANSACTION = 1, 2


class Uint(int):
    """An integer sent as UINT32."""


class Text(bytes):
    """Bytes sent as STRING."""


class Closed(Exception):
    """The peer ended the connection."""


def varint(value):
    if value < 240:
        return bytes([value])
    out = bytearray([(value & 0xFF) | 0xF0])
    value = (value - 240) >> 4
    while value >= 128:
        out.append((value & 0xFF) | 0x80)
        value = (value - 128) >> 7
    out.append(value)
    return bytes(out)


def read_varint(data, at):
    value = data[at]
    at += 1
    if value < 240:
        return value, at
    shift = 4
    while True:
        byte = data[at]
        at += 1
        value += byte << shift
        shift += 7
        if byte < 128:
            return value, at


def string(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return varint(len(raw)) + raw


def typed(value):
    if value is None:
        return b"\x00"
    if isinstance(value, bool):
        return b"\x11" if value else b"\x01"
    if isinstance(value, Uint):
        return b"\x03" + varint(value)
    if isinstance(value, int):
        return b"\x04" + varint(value & (2**64 - 1))
    if isinstance(value, ipaddress.IPv4Address):
        return b"\x06" + value.packed
    if isinstance(value, ipaddress.IPv6Address):
        return b"\x07" + value.packed
    is_binary = isinstance(value, bytes) and not isinstance(value, Text)
    return (b"\x09" if is_binary else b"\x08") + string(value)


def read_typed(data, at):
    kind, flags = data[at] & 0x0F, data[at] & 0xF0
    at += 1
    if kind == 0:
        return None, at
    if kind == 1:
        return bool(flags & 0x10), at
    if kind in (2, 3, 4, 5):
        value, at = read_varint(data, at)
        signed = kind in (2, 4) and value >= 2**63
        return (value - 2**64 if signed else value), at
    if kind in (6, 7):
        size = 4 if kind == 6 else 16
        return ipaddress.ip_address(data[at : at + size]), at + size
    if kind in (8, 9):
        size, at = read_varint(data, at)
        raw = data[at : at + size]
        return (raw.decode(errors="replace") if kind == 8 else raw), at + size
    raise ValueError(f"data type {kind}")


def pairs(items):
    return b"".join(string(name) + typed(value) for name, value in items)


def read_pairs(data, at=0, count=None):
    out = {}
    while at < len(data) if count is None else count > 0:
        size, at = read_varint(data, at)
        name = data[at : at + size].decode(errors="replace")
        out[name], at = read_typed(data, at + size)
        count = None if count is None else count - 1
    return out if count is None else (out, at)


def frame(kind, payload=b"", stream=0, number=0, flags=FIN):
    body = struct.pack(">BI", kind, flags) + varint(stream) + varint(number) + payload
    return struct.pack(">I", len(body)) + body


def hello(size=16380, capabilities="pipelining,async", healthcheck=False, engine="e2e"):
    """HAPROXY-HELLO, as HAProxy 2.6 sends it."""
    items = [("supported-versions", "2.0"), ("max-frame-size", Uint(size))]
    items.append(("capabilities", "" if healthcheck else capabilities))
    items.append(("healthcheck", True) if healthcheck else ("engine-id", engine))
    return frame(HAPROXY_HELLO, pairs(items))


def message(name, arguments):
    return string(name) + bytes([len(arguments)]) + pairs(arguments)


def notify(stream, arguments, number=1):
    return frame(NOTIFY, message("reeve-check", arguments), stream, number)


def request_arguments(path="/v1/orders", key=None, method="GET", rid="e2e", **more):
    """The arguments of contract version 1, as the examples send them over plain HTTP."""
    arguments = {
        "v": 1,
        "rid": rid,
        "fe": "api",
        "src": ipaddress.ip_address("127.0.0.1"),
        "tls": False,
        "method": method,
        "path": path,
        "host": "api.example.com",
        "host_n": 1,
        "authz": None,
        "authz_n": 0,
        "apikey": key,
        "apikey_n": 1 if key else 0,
        **more,
    }
    return list(arguments.items())


class Frame:
    def __init__(self, raw):
        self.raw = raw
        self.kind, self.flags = struct.unpack(">BI", raw[:5])
        self.stream, at = read_varint(raw, 5)
        self.number, at = read_varint(raw, at)
        self.payload = raw[at:]

    def pairs(self):
        return read_pairs(self.payload)

    def variables(self):
        """{name: value} of an ACK's SET-VAR actions; any other scope than txn is an error."""
        out, at = {}, 0
        while at < len(self.payload):
            action, count, scope = self.payload[at : at + 3]
            assert (action, count, scope) == (1, 3, SCOPE_TRANSACTION)
            size, at = read_varint(self.payload, at + 3)
            name = self.payload[at : at + size].decode()
            assert name not in out, f"{name} twice"
            out[name], at = read_typed(self.payload, at + size)
        return out


def set_variables(items, scope=SCOPE_TRANSACTION):
    """An ACK's payload."""
    return b"".join(
        bytes([1, 3, scope]) + string(name) + typed(value) for name, value in items
    )


class Peer:
    """One connection, read frame by frame."""

    def __init__(self, sock):
        self.sock = sock

    @classmethod
    def connect(cls, address, timeout=10.0):
        """`address` is (host, port), or the path of a unix socket."""
        if isinstance(address, str):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(timeout)
            sock.connect(address)
        else:
            sock = socket.create_connection(address, timeout=timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def _exactly(self, size):
        out = bytearray()
        while len(out) < size:
            try:
                part = self.sock.recv(size - len(out))
            except ConnectionResetError as reset:
                raise Closed("reset") from reset
            if not part:
                raise Closed("end of stream")
            out += part
        return bytes(out)

    def receive(self):
        size = struct.unpack(">I", self._exactly(4))[0]
        return Frame(self._exactly(size))

    def is_readable(self, within):
        """Something came, or the end, within so many seconds."""
        return bool(select.select([self.sock], [], [], within)[0])

    def greet(self, **options):
        self.send(hello(**options))
        answer = self.receive()
        assert answer.kind == AGENT_HELLO, answer.pairs()
        return answer.pairs()

    def ask(self, stream, **request):
        self.send(notify(stream, request_arguments(**request)))
        answer = self.receive()
        assert (answer.kind, answer.stream, answer.number) == (ACK, stream, 1)
        return answer.variables()

    def expect_closed(self):
        """Nothing more may come."""
        try:
            answer = self.receive()
        except Closed:
            return
        raise AssertionError(f"frame {answer.kind} instead of the end")

    def expect_disconnect(self, status):
        """AGENT-DISCONNECT with this status, then the end."""
        answer = self.receive()
        assert answer.kind == AGENT_DISCONNECT, f"frame {answer.kind}"
        assert answer.pairs()["status-code"] == status, answer.pairs()
        self.expect_closed()


def passes_health_check(address):
    try:
        with Peer.connect(address, timeout=2.0) as peer:
            peer.send(hello(healthcheck=True))
            return peer.receive().kind == AGENT_HELLO
    except (OSError, Closed):
        return False
