"""An agent that answers whatever a test wants, to try HAProxy's side of the contract."""

import socket
import socketserver
import threading

from harness import spop
from harness.net import free_address


def verdict(kind, status, reason, **more):
    """The payload of a well-formed ACK."""
    items = [("verdict", kind), ("status", status), ("reason", reason), *more.items()]
    return spop.set_variables(items)


ALLOW = verdict("allow", 200, "ok", user="alice", path="/v1/orders")


class _Connection(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = spop.Peer(self.request)
        try:
            while self._answer(peer, peer.receive()):
                pass
        except (spop.Closed, OSError):
            pass

    def _answer(self, peer, got):
        if got.kind == spop.HAPROXY_HELLO:
            return self._greet(peer, got.pairs())
        if got.kind == spop.HAPROXY_DISCONNECT:
            items = [("status-code", spop.Uint(0)), ("message", "bye")]
            peer.send(spop.frame(spop.AGENT_DISCONNECT, spop.pairs(items)))
            return False
        answer = self.server.answer(got)
        if answer is not None:
            peer.send(spop.frame(spop.ACK, answer, got.stream, got.number))
        return True

    @staticmethod
    def _greet(peer, offered):
        is_check = offered.get("healthcheck", False)
        size = 256 if is_check else offered["max-frame-size"]
        items = [
            ("version", "2.0"),
            ("max-frame-size", spop.Uint(size)),
            ("capabilities", "" if is_check else "pipelining"),
        ]
        peer.send(spop.frame(spop.AGENT_HELLO, spop.pairs(items)))
        return not is_check


class FakeAgent(socketserver.ThreadingTCPServer):
    """`payload` answers every NOTIFY; None: silence. What was asked stands in `arguments`."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(free_address(), _Connection)
        self.payload = ALLOW
        self.arguments = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self):
        return self.server_address

    def answer(self, got):
        size, at = spop.read_varint(got.payload, 0)
        name = got.payload[at : at + size]
        assert name == b"reeve-check"
        at += size
        self.arguments.append(spop.read_pairs(got.payload, at + 1, got.payload[at])[0])
        return self.payload

    def stop(self):
        self.shutdown()
        self.server_close()
