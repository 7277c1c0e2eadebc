"""HTTP/2 without TLS (RFC 9113), enough to have many requests of one connection in flight.

Header blocks go out as literals (RFC 7541 6.2.2). HAProxy's answers hold indexed fields of the static
table and literals; its encoder uses neither the dynamic table, which our SETTINGS forbid, nor
Huffman codes. Anything else raises.
"""

import socket
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_TABLE_SIZE = 1
# RFC 7541 appendix A, as far as answers use it.
STATIC_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
STATIC_STATUS_NAME = range(8, 15)


def _frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(text):
    raw = text.encode()
    assert len(raw) < 127
    return bytes([len(raw)]) + raw


def _header_block(fields):
    return b"".join(b"\x00" + _literal(name) + _literal(value) for name, value in fields)


def _integer(block, at, bits):
    mask = (1 << bits) - 1
    value = block[at] & mask
    at += 1
    if value < mask:
        return value, at
    shift = 0
    while True:
        byte = block[at]
        at += 1
        value += (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _text(block, at):
    assert not block[at] & 0x80, "Huffman"
    size, at = _integer(block, at, 7)
    return block[at : at + size].decode(), at + size


def _read_header_block(block):
    """Names of indexed fields other than :status are left as numbers."""
    fields, at = {}, 0
    while at < len(block):
        first = block[at]
        if first & 0x80:
            index, at = _integer(block, at, 7)
            fields[":status" if index in STATIC_STATUS else index] = STATIC_STATUS.get(index)
            continue
        if first & 0xE0 == 0x20:
            _, at = _integer(block, at, 5)
            continue
        index, at = _integer(block, at, 6 if first & 0x40 else 4)
        name = ":status" if index in STATIC_STATUS_NAME else index
        if index == 0:
            name, at = _text(block, at)
        value, at = _text(block, at)
        fields[name] = int(value) if name == ":status" else value
    return fields


class Connection:
    def __init__(self, address):
        self.sock = socket.create_connection(address, timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.sock.makefile("rb")
        settings = struct.pack(">HI", HEADER_TABLE_SIZE, 0)
        self.sock.sendall(PREFACE + _frame(SETTINGS, 0, 0, settings))
        self.next_stream = 1

    def close(self):
        self.reader.close()
        self.sock.close()

    def exchange(self, requests):
        """Sends all [(path, key or None)] in one write; gives their header fields in that order."""
        return self.answers(self.ask(requests))

    def ask(self, requests):
        """Only sends; gives their streams, for answers()."""
        out, streams = b"", []
        for path, key in requests:
            fields = [(":method", "GET"), (":scheme", "http"), (":path", path)]
            fields.append((":authority", "api.example.com"))
            if key:
                fields.append(("x-api-key", key))
            flags = END_STREAM | END_HEADERS
            out += _frame(HEADERS, flags, self.next_stream, _header_block(fields))
            streams.append(self.next_stream)
            self.next_stream += 2
        self.sock.sendall(out)
        return streams

    def answers(self, streams):
        answers = self._receive(set(streams))
        return [answers[stream] for stream in streams]

    def _receive(self, open_streams):
        answers = {}
        while open_streams:
            head = self.reader.read(9)
            assert len(head) == 9, "connection closed"
            size = int.from_bytes(head[:3], "big")
            kind, flags, stream = struct.unpack(">BBI", head[3:])
            payload = self.reader.read(size)
            assert kind not in (RST_STREAM, GOAWAY), f"frame {kind} for stream {stream}"
            if kind == SETTINGS and not flags & ACK:
                self.sock.sendall(_frame(SETTINGS, ACK, 0))
            elif kind == HEADERS:
                assert flags & END_HEADERS
                answers[stream] = _read_header_block(payload)
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                open_streams.discard(stream)
        return answers
