"""A TCP proxy between agents and Redis whose replies get lost, late or torn. One thread."""

import collections
import selectors
import socket
import threading
import time

from harness.net import free_address

CHUNK = 65536
TICK_S = 0.002


class _Pair:
    """`inner` is the connection to Redis."""

    def __init__(self, outer, inner):
        self.outer, self.inner = outer, inner
        self.replies = collections.deque()  # (when due, bytes)
        self.is_doomed = False


class Proxy:
    """`mode` is one of:

    pass   nothing happens
    drop   what Redis says is swallowed; when the mode ends these connections are cut
    tear   half of what Redis says next is passed on, then the connection is cut
    cut    connections are cut as soon as the agents ask for anything, after Redis has got it

    `delay_s` holds replies back, in any mode.
    """

    def __init__(self, target):
        self.target = target
        self.address = free_address()
        self.mode = "pass"
        self.delay_s = 0.0
        self.lost_replies = 0
        self.is_stopping = False
        self.pairs = set()
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(self.address, backlog=256)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def stop(self):
        self.is_stopping = True
        self.thread.join(10)
        for pair in list(self.pairs):
            self._close(pair)
        self.listener.close()

    def _run(self):
        while not self.is_stopping:
            for key, _ in self.selector.select(TICK_S):
                if key.data is None:
                    self._accept()
                elif key.data in self.pairs:
                    self._move(key.data, key.fileobj)
            now = time.monotonic()
            for pair in list(self.pairs):
                self._deliver(pair, now)

    def _accept(self):
        outer, _ = self.listener.accept()
        try:
            inner = socket.create_connection(self.target, timeout=1)
        except OSError:
            outer.close()
            return
        pair = _Pair(outer, inner)
        for side in (outer, inner):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(side, selectors.EVENT_READ, pair)
        self.pairs.add(pair)

    def _close(self, pair):
        if pair in self.pairs:
            self.pairs.remove(pair)
            for side in (pair.outer, pair.inner):
                self.selector.unregister(side)
                side.close()

    def _move(self, pair, side):
        try:
            data = side.recv(CHUNK)
            if not data:
                self._close(pair)
            elif side is pair.inner:
                self._take_reply(pair, data)
            else:
                pair.inner.sendall(data)
                if self.mode == "cut":
                    self.lost_replies += 1
                    self._close(pair)
        except OSError:
            self._close(pair)

    def _take_reply(self, pair, data):
        if self.mode == "drop" or pair.is_doomed:
            pair.is_doomed = True
            self.lost_replies += 1
            return
        if self.mode == "tear":
            self.lost_replies += 1
            pair.outer.sendall(data[: len(data) // 2])
            self._close(pair)
            return
        pair.replies.append((time.monotonic() + self.delay_s, data))
        self._deliver(pair, time.monotonic())

    def _deliver(self, pair, now):
        try:
            while pair.replies and pair.replies[0][0] <= now:
                pair.outer.sendall(pair.replies.popleft()[1])
        except OSError:
            self._close(pair)
        if pair.is_doomed and self.mode != "drop":
            self._close(pair)
