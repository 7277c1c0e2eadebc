"""Certificate authorities and client certificates, made by openssl when a test runs."""

import hashlib
import os
import subprocess

CURVE = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
CA = "basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\n"


def openssl(*words, **options):
    done = subprocess.run(
        ["openssl", *map(str, words)], capture_output=True, check=False, **options
    )
    assert done.returncode == 0, f"openssl {words}: {done.stderr.decode()}"
    return done.stdout


class Certificate:
    """A certificate and its key in `<folder>/<name>.pem` and `.key`; `chain` adds the issuers' that a
    client has to send. Days below 0: it has expired."""

    def __init__(self, folder, name, subject, issuer=None, days=10, extensions=""):
        self.path, self.key_path = folder / f"{name}.pem", folder / f"{name}.key"
        request, settings = folder / f"{name}.csr", folder / f"{name}.ext"
        openssl("genpkey", *CURVE, "-out", self.key_path)
        openssl("req", "-new", "-utf8", "-key", self.key_path, "-subj", subject, "-out", request)
        settings.write_text(extensions)
        signer = ["-signkey", self.key_path]
        if issuer:
            signer = ["-CA", issuer.path, "-CAkey", issuer.key_path]
        serial = int.from_bytes(os.urandom(8), "big") >> 1
        openssl("x509", "-req", "-in", request, *signer, "-set_serial", serial, "-days", days,
                "-extfile", settings, "-out", self.path)  # fmt: skip
        der = openssl("x509", "-in", self.path, "-outform", "DER")
        self.fingerprint = hashlib.sha256(der).hexdigest()

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

    def issue(self, name, subject, **options):
        return Certificate(self.folder, name, subject, self, **options)
