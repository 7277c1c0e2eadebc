"""The application behind HAProxy: answers 200 to everything and remembers what it got.

Between hold() and release() it takes requests and answers none.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.net import free_address


class Received:
    def __init__(self, method, target, headers):
        self.method = method
        self.target = target
        self.headers = headers

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def value(self, name):
        values = self.values(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.received.append(Received(self.command, self.path, self.headers.items()))
        self.server.may_answer.wait(30.0)
        body = b"upstream\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


class Upstream(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self):
        super().__init__(free_address(), _Handler)
        self.received = []
        self.may_answer = threading.Event()
        self.may_answer.set()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self):
        return self.server_address

    def handle_error(self, *_):
        """HAProxy resets connections that it has no more use for."""

    def rids(self):
        return {request.value("X-Request-ID") for request in self.received}

    def hold(self):
        self.may_answer.clear()

    def release(self):
        self.may_answer.set()

    def stop(self):
        self.release()
        self.shutdown()
        self.server_close()
