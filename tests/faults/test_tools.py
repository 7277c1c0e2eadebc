"""What the rows are made with does what it says: the proxy, the scripted Redis, the fault library."""

import os
import socket
import subprocess
import threading
import time

import pytest
import scripted_redis
from chaos_proxy import ChaosProxy
from faultlib import Faults
from world import FAULTLIB
from harness.net import free_address
from harness.redis import Redis
from harness.resp import Connection, RedisError
from harness.wait import wait_until
from scripted_redis import ScriptedRedis


TEXT = b"0123456789" * 10


class Echo:
    """A server that sends back what it gets."""

    def __init__(self):
        self.address = free_address()
        self.listener = socket.create_server(self.address)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(sock,), daemon=True).start()

    @staticmethod
    def _echo(sock):
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
        except OSError:
            pass
        sock.close()


@pytest.fixture
def proxy():
    echo = Echo()
    made = ChaosProxy(echo.address)
    yield made
    made.stop()
    echo.listener.close()


@pytest.fixture
def client(proxy):
    with socket.create_connection(proxy.address, timeout=1) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock


def read_all(sock, size=len(TEXT)):
    """What comes until there is enough, the end, or silence of a second."""
    out = b""
    while len(out) < size:
        part = sock.recv(size - len(out))
        if not part:
            break
        out += part
    return out


def seconds_of_an_echo(sock):
    begin = time.monotonic()
    sock.sendall(TEXT)
    assert read_all(sock) == TEXT
    return time.monotonic() - begin


def test_nothing_happens_at_first_nor_after_heal(proxy, client):
    assert seconds_of_an_echo(client) < 0.1
    proxy.mode, proxy.delay_s, proxy.accepts = "tear", 5, "refuse"
    proxy.asks.is_held = True
    proxy.heal()
    assert seconds_of_an_echo(client) < 0.1


def test_delay_and_bandwidth(proxy, client):
    proxy.delay_s = 0.2
    assert seconds_of_an_echo(client) > 0.2
    proxy.heal()
    proxy.asks.bytes_per_s = 500
    assert seconds_of_an_echo(client) > 0.15
    proxy.heal()
    proxy.replies.piece, proxy.replies.bytes_per_s = 1, 500
    assert seconds_of_an_echo(client) > 0.15


def test_pieces_are_writes_of_their_own(proxy, client):
    proxy.replies.piece, proxy.replies.bytes_per_s = 7, 350
    client.sendall(TEXT)
    assert len(client.recv(100)) <= 7


def test_held_bytes_come_later(proxy, client):
    proxy.replies.is_held = True
    client.sendall(TEXT)
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.recv(1)
    proxy.heal()
    client.settimeout(1)
    assert read_all(client) == TEXT


def test_corrupt(proxy, client):
    proxy.replies.corrupt = bytes.swapcase
    client.sendall(b"aB")
    assert read_all(client, 2) == b"Ab"


def test_drop_swallows_and_cuts_in_the_end(proxy, client):
    proxy.mode = "drop"
    client.sendall(TEXT)
    wait_until(lambda: proxy.lost_replies, "a lost reply")
    proxy.mode = "pass"
    assert read_all(client) == b""


def test_half_of_a_reply_then_the_end(proxy, client):
    proxy.mode = "tear"
    client.sendall(TEXT)
    assert read_all(client) == TEXT[:50]


def test_half_of_a_reply_then_a_reset(proxy, client):
    proxy.mode = "reset"
    client.sendall(TEXT)
    with pytest.raises(ConnectionResetError):
        read_all(client)


def test_close_after(proxy, client):
    proxy.close_after = 130
    assert seconds_of_an_echo(client) < 0.5
    client.sendall(TEXT)
    assert read_all(client) == TEXT[:30]


def test_half_close(proxy, client):
    proxy.mode = "half"
    client.sendall(TEXT)
    assert read_all(client) == b""
    client.sendall(TEXT)
    assert proxy.pairs, "our side was closed too"


def test_cut_after_the_server_has_it(proxy, client):
    proxy.mode = "cut"
    client.sendall(TEXT)
    assert read_all(client) == b""


def test_cut_all(proxy, client):
    seconds_of_an_echo(client)
    proxy.cut_all()
    assert client.recv(1) == b""


@pytest.mark.parametrize("accepts", ["silence", "refuse"])
def test_new_connections(proxy, accepts):
    proxy.accepts = accepts
    with pytest.raises(ConnectionResetError if accepts == "refuse" else TimeoutError):
        with socket.create_connection(proxy.address, timeout=0.2) as sock:
            sock.recv(1)


def test_connections_that_are_ignored(proxy):
    proxy.ignore_connections()
    with pytest.raises(TimeoutError):
        socket.create_connection(proxy.address, timeout=0.2)
    proxy.heal()
    with socket.create_connection(proxy.address, timeout=5) as sock:
        seconds_of_an_echo(sock)


@pytest.fixture
def script(tmp_path):
    server = Redis(tmp_path)
    server.start()
    made = ScriptedRedis(server.address)
    yield made
    made.stop()
    server.stop()


def test_scripted_redis_is_the_real_one_but_for_what_it_is_told(script):
    client = Connection(script.address)
    assert client("HSET", "h", "a", "1") == 1
    script.answers["HGETALL"] = scripted_redis.error("LOADING ...")
    with pytest.raises(RedisError, match="LOADING"):
        client("HGETALL", "h")
    script.answers["HGETALL"] = lambda parts: scripted_redis.fields({"b": 2}) if parts[1] == b"x" else None
    assert client.hash("x") == {"b": "2"}
    assert client.hash("h") == {"a": "1"}
    script.answers["*"] = scripted_redis.CLOSE
    with pytest.raises(ConnectionError):
        client("PING")
    assert script.asked[-1] == "PING"
    script.heal()
    assert Connection(script.address)("PING") == b"PONG"


def test_scripted_redis_lets_the_real_one_push(script):
    client = Connection(script.address)
    client("SUBSCRIBE", "c")
    assert Connection(script.address)("PUBLISH", "c", "hello") == 1
    assert client.read() == [b"message", b"c", b"hello"]
    assert client("PING", "1") == [b"pong", b"1"]


CALLS = {
    "read": "import os; os.read(os.open('/proc/self/stat', 0), 9)",
    "write": "import os; os.write(2, b'x' * 9)",
    "recv": "import socket as s; a, b = s.socketpair(); a.send(b'x' * 9); print(b.recv(9))",
    "send": "import socket as s; a, b = s.socketpair(); a.send(b'x' * 9)",
    "fsync": "import os; os.fsync(os.open('.', 0))",
    "fdatasync": "import os; os.fdatasync(os.open('.', 0))",
    "accept4": "import socket as s; l = s.create_server(('127.0.0.1', 0)); "
    "c = s.create_connection(l.getsockname()); l.accept()",
    "connect": "import socket as s; l = s.create_server(('127.0.0.1', 0)); "
    "s.socket().connect(l.getsockname())",
    "getrandom": "import ctypes as c\nif c.CDLL(None).getrandom(bytes(9), 9, 0) != 9: raise OSError",
    "pthread_create": "import threading; threading.Thread(target=print).start()",
    "getaddrinfo": "import socket as s; s.getaddrinfo('127.0.0.1', 1)",
}


def run(faults, text, directory):
    return subprocess.run(
        ["/usr/bin/python3", "-S", "-c", text],
        env={**os.environ, "PYTHONHASHSEED": "0", **faults.env},
        cwd=directory, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("function", CALLS)
def test_faultlib_makes_the_last_call_fail(function, tmp_path):
    """The interpreter makes some of them itself, before."""
    faults = Faults(FAULTLIB, tmp_path / "faults")
    assert run(faults, CALLS[function], tmp_path).returncode == 0
    number = faults.calls(function)
    faults.start_anew()
    faults.strike(function, nth=number, error="EIO", is_total=True)
    done = run(faults, CALLS[function], tmp_path)
    assert (done.returncode, faults.hits(function)) == (1, 1)
    assert "Error" in done.stderr


def test_faultlib_makes_allocations_fail(tmp_path):
    faults = Faults(FAULTLIB, tmp_path / "faults")
    program = (
        "import ctypes as c; m = c.CDLL(None).malloc; m.restype = c.c_void_p\n"
        "print(sum(m(9999) is None for _ in range(1000)))"
    )
    assert run(faults, program, tmp_path).stdout == "0\n"
    faults.start_anew()
    faults.strike("malloc", nth=1, every=2, error="ENOMEM", is_total=True)
    assert run(faults, program, tmp_path).returncode != 0, "the interpreter had all it wanted"
    assert faults.hits("malloc") > 0


def test_faultlib_shortens_and_delays(tmp_path):
    faults = Faults(FAULTLIB, tmp_path / "faults")
    faults.strike("recv", nth=1, every=1, most=2, delay_s=0.3, kind="socket", is_total=True)
    begin = time.monotonic()
    assert run(faults, CALLS["recv"], tmp_path).stdout == "b'xx'\n"
    assert time.monotonic() - begin > 0.3


def test_faultlib_strikes_every_kth_and_only_its_kind(tmp_path):
    faults = Faults(FAULTLIB, tmp_path / "faults")
    program = (
        "import socket as s; a, b = s.socketpair(); n = 0\n"
        "for i in range(10):\n try: a.send(b'x')\n except OSError: n += 1\nprint(n)"
    )
    faults.strike("send", nth=3, every=3, error="EPIPE", is_total=True)
    assert run(faults, program, tmp_path).stdout == "3\n"
    assert (faults.calls("send"), faults.hits("send")) == (10, 3)
    faults.start_anew()
    faults.strike("send", nth=1, every=1, error="EPIPE", kind="file", is_total=True)
    assert run(faults, program, tmp_path).stdout == "0\n"


def test_faultlib_tells_the_program_from_its_libraries(tmp_path):
    faults = Faults(FAULTLIB, tmp_path / "faults")
    program = "import ctypes as c; m = c.CDLL(None).malloc\nfor _ in range(500): m(9)"
    counts = {}
    for kind in ("any", "program"):
        faults.start_anew()
        faults.strike("malloc", nth=10**9, error="ENOMEM", kind=kind, is_total=True)
        assert run(faults, program, tmp_path).returncode == 0
        counts[kind] = faults.calls("malloc")
    assert 0 < counts["program"] <= counts["any"] - 500, "calls through libffi are a library's"
