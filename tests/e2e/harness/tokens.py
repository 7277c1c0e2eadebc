"""JSON Web Tokens, signed by reevectl with keys of openssl."""

import json
import subprocess
import time

from harness.agent import BUILD

ISSUER = "https://id.example.com"


def make_key(directory, name):
    private, public = directory / f"{name}.key", directory / f"{name}.pem"
    private.touch(mode=0o600)
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-out", private], check=True, capture_output=True)  # fmt: skip
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private


def mint(private, **claims):
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": "api", "sub": "alice", "iat": now, "exp": now + 300, **claims}
    done = subprocess.run(
        [BUILD / "reevectl", "token", "mint", "--alg", "ES256", "--key-file", private],
        input=json.dumps(whole), text=True, capture_output=True, check=True)  # fmt: skip
    return done.stdout.strip()
