"""An issuer of JSON Web Tokens that publishes its keys over TLS, well or badly.

Keys and certificates are made with openssl, tokens with reevectl.
"""

import base64
import json
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.agent import BUILD
from harness.net import free_address

EXTENSIONS = "subjectAltName={names}\nbasicConstraints=CA:FALSE\n"


def openssl(*words):
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True).stdout


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Authority:
    """A CA of its own."""

    def __init__(self, directory, name="ca"):
        self.key, self.pem = directory / f"{name}.key", directory / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.pem, "-days", 2, "-subj", f"/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE")  # fmt: skip

    def sign(self, directory, names, name="server", days=2):
        """The files of a certificate and its key."""
        key, request, pem = (directory / f"{name}.{kind}" for kind in ("key", "csr", "pem"))
        extensions = directory / f"{name}.ext"
        extensions.write_text(EXTENSIONS.format(names=names))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key, "-out", request, "-subj", f"/CN={name}")  # fmt: skip
        openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self.key, "-days", days,
                "-CAcreateserial", "-extfile", extensions, "-out", pem)  # fmt: skip
        return pem, key


class Key:
    """A P-256 key with a kid."""

    def __init__(self, directory, kid):
        self.kid = kid
        self.path = directory / f"{kid}.signer"
        self.path.touch(mode=0o600)
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-out", self.path)  # fmt: skip
        # SubjectPublicKeyInfo of P-256 ends in the point, x and y.
        point = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-64:]
        self.jwk = {"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256",
                    "x": base64url(point[:32]), "y": base64url(point[32:])}  # fmt: skip

    def sign(self, claims):
        done = subprocess.run(
            [BUILD / "reevectl", "token", "mint", "--alg", "ES256", "--key-file", self.path,
             "--kid", self.kid],
            input=json.dumps(claims), text=True, capture_output=True, check=True)  # fmt: skip
        return done.stdout.strip()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.issuer.requests.append((time.monotonic(), self.path, dict(self.headers)))
        self.server.issuer.answer(self)

    def log_message(self, *_):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address, files, issuer):
        super().__init__(address, _Handler)
        self.issuer = issuer
        self.show(files)

    def show(self, files):
        """In a context of its own: threads shake hands with the one before."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        self.context = context

    def get_request(self):
        connection, peer = super().get_request()
        connection.settimeout(10.0)
        return self.context.wrap_socket(connection, server_side=True,
                                        do_handshake_on_connect=False), peer  # fmt: skip

    def handle_error(self, *_):
        """Peers that do not like our certificate, and those that give up."""


class Issuer:
    """`answer(handler)` is what it says to a fetch; publish() sets it to a set of keys."""

    def __init__(self, directory, authority, kid="k1"):
        self.directory = directory
        self.authority = authority
        self.address = free_address()
        self.files = authority.sign(directory, names=f"IP:{self.address[0]}")
        self.url = f"https://{self.address[0]}:{self.address[1]}/keys"
        self.name = self.url.removesuffix("/keys")
        self.requests = []
        self.server = None
        self.keys = [Key(directory, kid)]
        self.publish(*self.keys)

    def start(self):
        self.server = _Server(self.address, self.files, self)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def show(self, files):
        """Another certificate, from now on."""
        self.files = files
        if self.server:
            self.server.show(files)

    # ---- what it says

    def say(self, body, status=200, headers=(), delay=0.0):
        text = body if isinstance(body, bytes) else json.dumps(body).encode()

        def answer(handler):
            time.sleep(delay)
            handler.send_response(status)
            for name, value in [("Content-Length", len(text)), *headers]:
                handler.send_header(name, str(value))
            handler.end_headers()
            handler.wfile.write(text)

        self.answer = answer

    def publish(self, *keys, delay=0.0):
        self.say({"keys": [key.jwk for key in keys]}, delay=delay)

    def drip(self, pause=0.2):
        """A byte now and then, without an end."""

        def answer(handler):
            handler.send_response(200)
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b" ")
                    time.sleep(pause)
            except OSError:
                pass

        self.answer = answer

    def pour(self):
        """Without a length, and without an end."""

        def answer(handler):
            handler.send_response(200)
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b" " * 65536)
            except OSError:
                pass

        self.answer = answer

    # ---- tokens

    def rotate(self, overlap=1):
        """A new key signs from now on; so many of those before it stay."""
        self.keys = self.keys[-overlap:] + [Key(self.directory, f"k{time.monotonic_ns()}")]
        self.publish(*self.keys)

    def token(self, key=None, **claims):
        now = int(time.time())
        return (key or self.keys[-1]).sign(
            {"iss": self.name, "aud": "api", "sub": "alice", "iat": now, "exp": now + 300, **claims}
        )

    def section(self, title="corp", **options):
        """For reeve.conf."""
        lines = "".join(f'  {name} = "{value}"\n' for name, value in options.items())
        return (
            f'issuer "{title}" {{\n  issuer = "{self.name}"\n  audience = {{api}}\n'
            f'  algorithms = {{ES256}}\n  jwks_url = "{self.url}"\n'
            f'  jwks_ca_file = "{self.authority.pem}"\n{lines}}}\n'
        )
