"""Tokens of oidc-provider, which is certified for OpenID Connect: taken, and its keys rotated under load."""

import base64
import http.client
import json
import shutil
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness.http import Client
from harness.issuer import Authority
from harness.net import free_address
from harness.stack import Stack
from harness.wait import wait_until

FILES = Path(__file__).resolve().parent / "provider"
ROTATIONS = 10


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """provider.mjs with what it needs beside it, from npm."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("npm or node is missing")
    place = tmp_path_factory.mktemp("provider")
    for name in ("package.json", "provider.mjs"):
        shutil.copy(FILES / name, place)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
    if done.returncode != 0:
        pytest.skip(f"npm can not be reached: {done.stderr.strip()[-200:]}")
    return place / "provider.mjs"


class Provider:
    def __init__(self, program, directory):
        self.address = free_address()
        self.name = f"https://{self.address[0]}:{self.address[1]}"
        self.authority = Authority(directory)
        files = self.authority.sign(directory, f"IP:{self.address[0]}")
        self.log = (directory / "provider.log").open("w")
        self.context = ssl.create_default_context(cafile=self.authority.pem)
        self.process = subprocess.Popen(
            ["node", program, self.address[0], str(self.address[1]), *files], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)  # fmt: skip
        self.process.stdout.readline()

    def _ask(self, method, path, **options):
        connection = http.client.HTTPSConnection(*self.address, context=self.context, timeout=10)
        try:
            connection.request(method, path, **options)
            answer = connection.getresponse()
            return json.loads(answer.read())
        finally:
            connection.close()

    def is_ready(self):
        try:
            return self._ask("GET", "/.well-known/openid-configuration")["jwks_uri"]
        except OSError:
            return None

    def token(self):
        login = base64.b64encode(b"alice:sesame").decode()
        headers = {
            "Authorization": f"Basic {login}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        said = self._ask("POST", "/token", body="grant_type=client_credentials", headers=headers)
        return said["access_token"]

    def rotate(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.log.close()


@pytest.fixture
def site(program, tmp_path):
    provider = Provider(program, tmp_path)
    url = wait_until(provider.is_ready, "the provider", 20.0)
    config = tmp_path / "reeve.conf"
    config.write_text(
        'gate "*" { accept = {apikey, jwt} }\n'
        f'issuer "op" {{ issuer = "{provider.name}" audience = {{api}} algorithms = {{ES256}}\n'
        f'jwks_url = "{url}" jwks_ca_file = "{provider.authority.pem}" jwks_cooldown = 1s\n'
        "user_claim = client_id required = {jti} }\n"
    )
    stack = Stack(tmp_path, is_patient=True, deadline_slow="1800ms")
    for agent in stack.agents:
        agent.use_config(config)
    try:
        stack.start()
        yield provider, stack
    finally:
        stack.stop()
        provider.stop()


def ask_while(address, token_of, is_over, statuses):
    client = Client(address)
    while not is_over.is_set():
        headers = [("Authorization", f"Bearer {token_of()}")]
        statuses.append(client.request(path="/v1/orders/1", headers=headers).status)


@pytest.mark.long
def test_its_keys_rotate_under_load_and_no_valid_token_is_refused(site):
    provider, stack = site
    tokens, statuses, is_over = [provider.token()], [], threading.Event()
    arguments = (stack.address, lambda: tokens[-1], is_over, statuses)
    threads = [threading.Thread(target=ask_while, args=arguments, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    kids = set()
    for _ in range(ROTATIONS):
        time.sleep(1.5)
        kids.add(provider.rotate())
        tokens.append(provider.token())
    time.sleep(1.0)
    is_over.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a client hangs"
    assert len(kids) == ROTATIONS
    assert len(statuses) > 100 * ROTATIONS
    assert set(statuses) == {200}
    # Signed by a key that has gone with the last but one rotation.
    wait_until(
        lambda: stack.fetch(headers=[("Authorization", f"Bearer {tokens[0]}")]).status == 401,
        "the first token to be refused", 5.0)  # fmt: skip
