"""Certificate authorities and client certificates, made by openssl when a test runs."""

import functools
import hashlib
import os
import ssl
import subprocess

CURVE = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
CA = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\n"


def openssl(*words, **options):
    done = subprocess.run(
        ["openssl", *map(str, words)], capture_output=True, check=False, **options
    )
    assert done.returncode == 0, f"openssl {words}: {done.stderr.decode()}"
    return done.stdout


@functools.cache
def shared_key():
    """PEM of a key for whoever needs none of its own."""
    return openssl("genpkey", *CURVE)


class Certificate:
    """A certificate and its key in `<folder>/<name>.pem` and `.key`; all have the same key, but CAs.
    Days below 0: it has expired."""

    def __init__(
        self, folder, name, subject, issuer=None, days=10, extensions="", multivalue=False
    ):
        self.path, self.key_path = folder / f"{name}.pem", folder / f"{name}.key"
        request, settings = folder / f"{name}.csr", folder / f"{name}.ext"
        self.key_path.touch(mode=0o600)
        self.key_path.write_bytes(self.make_key())
        form = ["-utf8", *(["-multivalue-rdn"] if multivalue else [])]
        openssl("req", "-new", *form, "-key", self.key_path, "-subj", subject, "-out", request)
        settings.write_text(extensions)
        signer = ["-signkey", self.key_path]
        if issuer:
            signer = ["-CA", issuer.path, "-CAkey", issuer.key_path]
        serial = int.from_bytes(os.urandom(8), "big") >> 1
        openssl("x509", "-req", "-in", request, *signer, "-set_serial", serial, "-days", days,
                "-extfile", settings, "-out", self.path)  # fmt: skip
        der = ssl.PEM_cert_to_DER_cert(self.path.read_text())
        self.fingerprint = hashlib.sha256(der).hexdigest()

    def make_key(self):
        return shared_key()

    @property
    def der_sha256(self):
        return bytes.fromhex(self.fingerprint)

    def chain(self, *issuers):
        """Sends these behind its own, from now on."""
        self.path.write_text("".join(part.path.read_text() for part in (self, *issuers)))
        return self

    def with_key(self, path):
        """Both in one file, as HAProxy wants its own."""
        path.write_text(self.path.read_text() + self.key_path.read_text())
        path.chmod(0o600)
        return path


class Authority(Certificate):
    """A CA; by itself, or an intermediate of `issuer`."""

    def __init__(self, folder, name, subject, issuer=None):
        super().__init__(folder, name, subject, issuer, extensions=CA)
        self.folder = folder

    def make_key(self):
        return openssl("genpkey", *CURVE)

    def issue(self, name, subject, **options):
        return Certificate(self.folder, name, subject, self, **options)


class Site:
    """What an example with TLS needs: HAProxy's own certificate, and a CA for each of its two binds."""

    def __init__(self, directory):
        folder = directory / "pki"
        folder.mkdir()
        self.own = Certificate(folder, "site", "/CN=localhost")
        self.pem = self.own.with_key(folder / "site-and-key.pem")
        self.authorities = [
            Authority(folder, "ca1", "/C=DE/O=Example, Inc/CN=Staff CA"),
            Authority(folder, "ca2", "/C=DE/O=Partner/CN=Partner CA"),
        ]

    def env(self):
        first, second = self.authorities
        return {
            "REEVE_TLS_PEM": str(self.pem),
            "REEVE_CA1": str(first.path),
            "REEVE_CA2": str(second.path),
        }

    def context(self, certificate=None):
        """Of a client with this certificate; None: with none."""
        context = ssl.create_default_context(cafile=self.own.path)
        context.check_hostname = False
        if certificate:
            context.load_cert_chain(certificate.path, certificate.key_path)
        return context
