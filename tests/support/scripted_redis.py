"""A Redis that says what a test wants: a real one, behind which the replies to chosen commands are the
test's own bytes. So a fault hits one command, and everything else goes on as it does in life.

    with_loading = ScriptedRedis(redis.address)
    with_loading.answers["HGETALL"] = b"-LOADING Redis is loading the dataset in memory\\r\\n"

`answers` maps a command's name, "*" any other, to

    bytes       sent in place of the reply; b"" is none
    a function  of the command's parts (a list of bytes, the name first); it gives such bytes, or None
                where the real server shall answer
    CLOSE       the connection ends without a reply

and may be changed at any time. `asked` lists the names of all commands.
"""

import socket
import socketserver
import threading

from harness.net import free_address

CLOSE = object()
PUSHING = {b"SUBSCRIBE", b"PSUBSCRIBE", b"MONITOR"}


def status(text):
    return b"+%s\r\n" % text.encode()


def error(text):
    return b"-%s\r\n" % text.encode()


def bulk(data):
    data = data if isinstance(data, bytes) else str(data).encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def array(items):
    return b"*%d\r\n%s" % (len(items), b"".join(bulk(item) for item in items))


def fields(record):
    """The reply to HGETALL."""
    return array([word for pair in record.items() for word in pair])


def _line(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the end")
    return line


def read_command(stream):
    """Its parts; clients send arrays of strings."""
    head = _line(stream)
    assert head[:1] == b"*", head
    parts = []
    for _ in range(int(head[1:])):
        size = int(_line(stream)[1:])
        parts.append(stream.read(size + 2)[:-2])
    return parts


def read_raw_reply(stream):
    """The bytes of one whole RESP2 reply."""
    head = _line(stream)
    if head[:1] == b"$" and int(head[1:]) >= 0:
        return head + stream.read(int(head[1:]) + 2)
    if head[:1] == b"*":
        return head + b"".join(read_raw_reply(stream) for _ in range(int(head[1:])))
    return head


class _Client(socketserver.BaseRequestHandler):
    is_pushing = False

    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        outer = self.request.makefile("rb")
        try:
            with socket.create_connection(self.server.target, timeout=30) as inner:
                self.server.clients.add(self.request)
                replies = inner.makefile("rb")
                while self._answer(read_command(outer), inner, replies):
                    pass
        except (OSError, ValueError):
            pass
        finally:
            self.server.clients.discard(self.request)

    def _answer(self, parts, inner, replies):
        name = parts[0].upper()
        self.server.asked.append(name.decode())
        answer = self.server.answer_to(parts)
        if answer is CLOSE:
            return False
        if answer is not None:
            self.request.sendall(answer)
            return True
        inner.sendall(array(parts))
        if name in PUSHING and not self.is_pushing:
            self.is_pushing = True
            threading.Thread(target=self._push, args=(replies,), daemon=True).start()
        elif not self.is_pushing:
            self.request.sendall(read_raw_reply(replies))
        return True

    def _push(self, replies):
        """From now on the server speaks when it likes."""
        try:
            while True:
                self.request.sendall(read_raw_reply(replies))
        except (OSError, ValueError):
            pass


class ScriptedRedis(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, target):
        super().__init__(free_address(), _Client)
        self.target = target
        self.answers = {}
        self.asked = []
        self.clients = set()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def address(self):
        return self.server_address

    def answer_to(self, parts):
        name = parts[0].upper().decode()
        answer = self.answers.get(name, self.answers.get("*"))
        return answer(parts) if callable(answer) else answer

    def heal(self):
        self.answers.clear()

    def handle_error(self, *_):
        """Clients that are gone."""

    def stop(self):
        self.shutdown()
        self.server_close()
        for client in list(self.clients):
            client.close()
