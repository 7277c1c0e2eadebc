"""HTTP/1.1 clients: one that asks politely, one that sends bytes as they are."""

import http.client
import json
import socket


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def header(self, name):
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def rid(self):
        return self.header("X-Request-ID")

    def problem(self):
        """The problem document of RFC 9457, which every refusal carries."""
        assert self.header("Content-Type") == "application/problem+json", self.headers
        problem = json.loads(self.body)
        assert problem["status"] == self.status
        assert problem["request_id"] == self.rid
        return problem

    def __repr__(self):
        return f"<{self.status} {self.body[:200]!r}>"


class TlsAddress(tuple):
    """(host, port) and the ssl.SSLContext to go there with."""

    def __new__(cls, address, context):
        made = super().__new__(cls, address)
        made.context = context
        return made


class Client:
    """A keep-alive connection, opened when first used and again after it was closed."""

    def __init__(self, address, timeout=10.0, source=None):
        options = {"timeout": timeout, "source_address": (source, 0) if source else None}
        if isinstance(address, TlsAddress):
            self.connection = http.client.HTTPSConnection(
                *address, context=address.context, **options
            )
        else:
            self.connection = http.client.HTTPConnection(*address, **options)

    def close(self):
        self.connection.close()

    def request(self, path="/v1/orders", key=None, method="GET", host="api.example.com", headers=()):
        """`headers` is a list of pairs, sent as it stands: names may come twice."""
        connection = self.connection
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if host is not None:
            connection.putheader("Host", host)
        if key is not None:
            connection.putheader("X-API-Key", key)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return Response(answer.status, answer.getheaders(), answer.read())


def fetch(address, *args, source=None, **options):
    """One request on a connection of its own."""
    client = Client(address, source=source)
    try:
        return client.request(*args, **options)
    finally:
        client.close()


def raw_request(address, data):
    """Sends these bytes and reads one response."""
    with socket.create_connection(address, timeout=10) as sock:
        sock.sendall(data)
        answer = http.client.HTTPResponse(sock)
        answer.begin()
        return Response(answer.status, answer.getheaders(), answer.read())
