"""A syslog server that takes RFC 5424 messages to the letter, and can be slow, away and back."""

import json
import os
import re
import selectors
import socket
import threading
import time

from harness.haproxy import text
from harness.net import free_address

_PARAM = rb" ([!-~]{1,32})=\"((?:[^\"\\\]]|\\.)*)\""
PARAM = re.compile(_PARAM)
HEAD = re.compile(
    rb"<(?P<pri>\d{1,3})>1 "
    rb"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z|-) "
    rb"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<process>[!-~]{1,128}) (?P<msgid>[!-~]{1,32}) "
    rb"\[(?P<sd_id>[!-~]{1,32})(?P<params>(?:" + _PARAM + rb")*)\] "
)


class Message:
    def __init__(self, raw):
        head = HEAD.match(raw)
        assert head, raw[:200]
        self.raw = raw
        self.facility, self.severity = divmod(int(head["pri"]), 8)
        self.time, self.app, self.msgid = (head[name].decode() for name in ("time", "app", "msgid"))
        self.data = {
            name.decode(): re.sub(rb"\\(.)", rb"\1", value).decode()
            for name, value in PARAM.findall(head["params"])
        }
        self.line = raw[head.end() :]

    def record(self):
        return json.loads(self.line)


class SyslogServer:
    """`kind`: tcp, udp, unix or unix-stream. `messages` are those that came whole, as they came."""

    def __init__(self, kind, directory):
        self.kind = kind
        if kind.startswith("unix"):
            self.address = str(directory / "syslog.sock")
            self.to = f"{kind}://{self.address}"
        else:
            self.address = free_address()
            self.to = f"{kind}://{text(self.address)}"
        self.is_stream = kind in ("tcp", "unix-stream")
        self.messages = []
        self.connections = 0
        self.is_slow = threading.Event()
        self.thread = None

    def start(self):
        family = socket.AF_UNIX if self.kind.startswith("unix") else socket.AF_INET
        self.socket = socket.socket(
            family, socket.SOCK_STREAM if self.is_stream else socket.SOCK_DGRAM
        )
        if self.kind == "tcp":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Small, so that a reader that is slow shows.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
        self.socket.bind(self.address)
        if self.is_stream:
            self.socket.listen()
        self.is_leaving = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def leave(self):
        """Ends as a server that is restarted: asks to be left, and reads what is still sent."""
        if self.thread:
            self.is_slow.clear()
            self.is_leaving = True
            self.thread.join(20)
            assert not self.thread.is_alive(), "a connection is not left"
            self.thread = None

    def _run(self):
        self.buffers = {}
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            asked = False
            while not (self.is_leaving and not self.buffers):
                if self.is_leaving and not asked:
                    asked = True
                    selector.unregister(self.socket)
                    for one in self.buffers:
                        one.shutdown(socket.SHUT_WR)
                ready = selector.select(0.02)
                while self.is_slow.is_set():
                    time.sleep(0.01)
                for key, _ in ready:
                    self._read(key.fileobj, selector)
        self.socket.close()
        if self.kind.startswith("unix"):
            os.unlink(self.address)

    def _read(self, one, selector):
        if one is self.socket and self.is_stream:
            connection, _ = one.accept()
            self.connections += 1
            self.buffers[connection] = b""
            selector.register(connection, selectors.EVENT_READ)
        elif one is self.socket:
            self.messages.append(Message(one.recv(1 << 17)))
        else:
            self._read_stream(one, selector)

    def _read_stream(self, one, selector):
        try:
            data = one.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            selector.unregister(one)
            one.close()
            del self.buffers[one]
            return
        buffer = self.buffers[one] + data
        while True:
            count = re.match(rb"([1-9]\d{0,5}) ", buffer)
            assert count or len(buffer) < 7, buffer[:100]
            if not count or len(buffer) < count.end() + int(count[1]):
                break
            end = count.end() + int(count[1])
            self.messages.append(Message(buffer[count.end() : end]))
            buffer = buffer[end:]
        self.buffers[one] = buffer

    def lines(self):
        return [message.line for message in self.messages]

    def ids(self):
        """Of the records; a message that was sent again has the same."""
        return {message.data["id"] for message in self.messages if "id" in message.data}
