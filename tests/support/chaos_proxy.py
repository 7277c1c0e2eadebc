"""A TCP proxy that does to connections what networks and dying servers do. One thread; every setting may
be changed while it runs. Loss and delay of single packets are TCP's own matter: it hides them from us.

Words: the *client* connects to the proxy, the proxy to the *server*; *asks* are what the client sends,
*replies* what the server sends.
"""

import collections
import selectors
import socket
import struct
import threading
import time

from harness.net import free_address

CHUNK = 65536
TICK_S = 0.002
BACKLOG = 256
STUCK_S = 5.0  # who takes no byte for so long is cut off


class Way:
    """What happens to the bytes of one direction:

    delay_s      they arrive so much later
    piece        at most so many in one write; 0: all that there are
    bytes_per_s  no faster than this; 0: at once
    is_held      they wait until this ends, as when a cable is out: nothing is lost
    corrupt      a function of bytes that gives what arrives instead
    """

    def __init__(self):
        self.mend()

    def mend(self):
        self.delay_s = 0.0
        self.piece = 0
        self.bytes_per_s = 0
        self.is_held = False
        self.corrupt = None


class _Flow:
    """Bytes on their way along one direction of one connection."""

    def __init__(self, way, to):
        self.way = way
        self.to = to
        self.waiting = collections.deque()  # (when due, bytes)
        self.is_last = False  # the sender has ended: so does the connection, after what waits
        self.allowed_at = 0.0

    def push(self, data, now):
        if self.way.corrupt:
            data = self.way.corrupt(data)
        self.waiting.append((now + self.way.delay_s, data))

    def deliver(self, now):
        """Sends what is due."""
        way = self.way
        while self.waiting and not way.is_held and self.waiting[0][0] <= now >= self.allowed_at:
            due, data = self.waiting.popleft()
            size = way.piece or len(data)
            if way.bytes_per_s:
                size = min(size, max(1, round(way.bytes_per_s * TICK_S)))
                self.allowed_at = now + size / way.bytes_per_s
            self.to.sendall(data[:size])
            if size < len(data):
                self.waiting.appendleft((due, data[size:]))

    def is_over(self):
        return self.is_last and not self.waiting


class _Pair:
    """`outer` is the connection of the client, `inner` the one to the server (None: none was made)."""

    def __init__(self, outer, inner, asks, replies):
        self.outer, self.inner = outer, inner
        self.asks = _Flow(asks, inner)
        self.replies = _Flow(replies, outer)
        self.is_doomed = False
        self.is_half = False
        self.asked = set()  # what `deaf_to` was when the client asked so
        self.replied = 0

    def sides(self):
        return [side for side in (self.outer, self.inner) if side]


class ChaosProxy:
    """`asks` and `replies` are Ways. `mode` says what becomes of replies, and with them of connections:

    pass    nothing happens
    drop    they are swallowed; when the mode ends these connections are cut
    tear    half of the next is passed on, then the connection is cut
    reset   the same, with RST in place of FIN
    half    before the next the server closes its side; what the client sends then goes nowhere
    cut     connections are cut as soon as the client asks for anything, after the server has got it

    `deaf_to`: bytes; whoever asks with them in it gets no reply any more (b"": nobody), until that changes.
    Nothing is lost: what was held back arrives then.

    `close_after`: connections are cut after so many bytes of replies, counted from their beginning.

    `accepts` says what becomes of new connections:

    serve    they are led to the server
    silence  they are made, and nothing ever comes
    refuse   they are reset at once
    ignore   they are never made: nobody answers the SYN
    """

    def __init__(self, target):
        self.target = target
        self.address = free_address()
        self.asks, self.replies = Way(), Way()
        self.lost_replies = 0
        self.accepted = 0
        self.is_stopping = False
        self.pairs = set()
        self.fillers = []
        self.orders = collections.deque()
        self._mend()
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(self.address, backlog=BACKLOG)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _mend(self):
        self.mode = "pass"
        self.deaf_to = b""
        self.close_after = 0
        self.accepts = "serve"
        self.asks.mend()
        self.replies.mend()

    @property
    def delay_s(self):
        """Of replies."""
        return self.replies.delay_s

    @delay_s.setter
    def delay_s(self, value):
        self.replies.delay_s = value

    def heal(self):
        """Everything as in the beginning. Connections that were told something wrong are cut."""
        if self.fillers:
            self._order(self._take_connections_again)
        self._mend()

    def cut_all(self, with_reset=False):
        """Ends every connection there is."""
        self._order(lambda: [self._close(pair, with_reset) for pair in list(self.pairs)])

    def ignore_connections(self):
        """accepts = "ignore": fills the listener's queue, so that the kernel drops what comes."""
        self._order(self._fill_queue)

    def stop(self):
        self.is_stopping = True
        self.thread.join(10)
        for pair in list(self.pairs):
            self._close(pair)
        for filler in self.fillers:
            filler.close()
        self.listener.close()

    def _order(self, work):
        """Runs in the proxy's thread, and is done when this returns."""
        done = threading.Event()
        self.orders.append((work, done))
        assert done.wait(10), "the proxy hangs"

    def _run(self):
        while not self.is_stopping:
            for key, _ in self.selector.select(TICK_S):
                if key.data is None:
                    self._accept()
                elif key.data in self.pairs:
                    self._move(key.data, key.fileobj)
            while self.orders:
                work, done = self.orders.popleft()
                work()
                done.set()
            now = time.monotonic()
            for pair in list(self.pairs):
                self._deliver(pair, now)

    def _fill_queue(self):
        self.selector.unregister(self.listener)
        self.listener.listen(0)
        for _ in range(16):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.address)
            self.fillers.append(filler)
        probe = socket.socket()
        probe.settimeout(0.05)
        self.fillers.append(probe)
        try:
            probe.connect(self.address)
        except TimeoutError:
            self.accepts = "ignore"
            return
        raise AssertionError("a full queue takes connections")

    def _take_connections_again(self):
        for filler in self.fillers:
            filler.close()
        self.fillers = []
        self.listener.listen(BACKLOG)
        self.selector.register(self.listener, selectors.EVENT_READ, None)

    def _accept(self):
        try:
            outer, _ = self.listener.accept()
        except OSError:
            return
        self.accepted += 1
        if self.accepts == "refuse":
            self._abort(outer)
            return
        inner = None
        if self.accepts == "serve":
            try:
                inner = socket.create_connection(self.target, timeout=1)
            except OSError:
                outer.close()
                return
        pair = _Pair(outer, inner, self.asks, self.replies)
        for side in pair.sides():
            side.settimeout(STUCK_S)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(side, selectors.EVENT_READ, pair)
        self.pairs.add(pair)

    @staticmethod
    def _abort(sock):
        """close() with RST in place of FIN."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    def _close(self, pair, with_reset=False):
        if pair not in self.pairs:
            return
        self.pairs.remove(pair)
        for side in pair.sides():
            if side in self.selector.get_map():
                self.selector.unregister(side)
        if pair.inner:
            pair.inner.close()
        if with_reset:
            self._abort(pair.outer)
        else:
            pair.outer.close()

    def _move(self, pair, side):
        try:
            data = side.recv(CHUNK)
            if not data:
                self._end(pair, side)
            elif side is pair.inner:
                self._take_reply(pair, data)
            elif pair.inner and not pair.is_half:
                if self.deaf_to and self.deaf_to in data:
                    pair.asked.add(self.deaf_to)
                pair.asks.push(data, time.monotonic())
                self._deliver(pair, time.monotonic())
                if self.mode == "cut":
                    self.lost_replies += 1
                    self._close(pair)
        except OSError:
            self._close(pair, with_reset=True)

    def _end(self, pair, side):
        """An end of stream comes after what was sent before it."""
        flow = pair.replies if side is pair.inner else pair.asks
        if flow.waiting:
            self.selector.unregister(side)
            flow.is_last = True
        else:
            self._close(pair)

    def _take_reply(self, pair, data):
        mode = self.mode
        if pair.is_half:
            return
        if mode == "drop" or pair.is_doomed:
            pair.is_doomed = True
            self.lost_replies += 1
            return
        if mode in ("tear", "reset"):
            self.lost_replies += 1
            pair.outer.sendall(data[: len(data) // 2])
            self._close(pair, with_reset=mode == "reset")
            return
        if mode == "half":
            self.lost_replies += 1
            pair.is_half = True
            pair.outer.shutdown(socket.SHUT_WR)
            return
        now = time.monotonic()
        if self.close_after and pair.replied + len(data) >= self.close_after:
            self.lost_replies += 1
            pair.outer.sendall(data[: self.close_after - pair.replied])
            self._close(pair)
            return
        pair.replied += len(data)
        pair.replies.push(data, now)
        self._deliver(pair, now)

    def _deliver(self, pair, now):
        try:
            if pair.inner:
                pair.asks.deliver(now)
            if self.deaf_to not in pair.asked:
                pair.replies.deliver(now)
        except OSError:
            self._close(pair, with_reset=True)
            return
        is_healed = (pair.is_doomed and self.mode != "drop") or (pair.is_half and self.mode != "half")
        if is_healed or pair.asks.is_over() or pair.replies.is_over():
            self._close(pair)
