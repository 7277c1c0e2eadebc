"""JSON Web Tokens through real HAProxy and Redis: taken, refused, revoked; keys rotated by a reload."""

import hashlib
import signal
import time

import pytest

from harness.stack import UNCOUNTED, Stack
from harness.tokens import ISSUER, make_key, mint
from harness.wait import wait_until

pytestmark = pytest.mark.sanitized


class Site:
    """A stack whose agents take tokens that `current` signs."""

    def __init__(self, directory):
        self.first, self.second = make_key(directory, "first"), make_key(directory, "second")
        self.current = directory / "current.pem"
        self.use(self.first)
        config = directory / "reeve.conf"
        config.write_text(
            'gate "*" { accept = {apikey, jwt} }\n'
            f'issuer "corp" {{ issuer = "{ISSUER}" audience = {{api}} algorithms = {{ES256}}\n'
            f'keys = {{"{self.current}"}} }}\n'
        )
        self.stack = Stack(directory, is_patient=True, **UNCOUNTED)
        for agent in self.stack.agents:
            agent.use_config(config)

    def use(self, private):
        self.current.write_text(private.with_suffix(".pem").read_text())

    def reload(self):
        for agent in self.stack.agents:
            agent.signal(signal.SIGHUP)

    def fetch(self, token, **options):
        return self.stack.fetch(headers=[("Authorization", f"Bearer {token}")], **options)

    def reasons(self, token):
        """What ten requests are told; both agents are among them."""
        return {self.fetch(token).status for _ in range(10)}


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    try:
        site.stack.start()
        yield site
    finally:
        site.stack.stop()


def test_a_token_stands_for_its_user(site):
    answer = site.fetch(mint(site.first))
    assert (answer.status, answer.body) == (200, b"upstream\n")
    record = site.stack.audit_of(answer.rid)
    assert (record["user"], record["credential"]) == ("alice", "jwt:corp")
    assert record["rule"] == "reader/10"
    assert site.fetch(mint(site.first), path="/admin").status == 403


def test_what_is_no_good_token_is_refused_alike(site):
    good = mint(site.first)
    bad = [mint(site.second), mint(site.first, exp=int(time.time()) - 31), mint(site.first, aud="x"),
           good[:-5] + "AAAAA", good + "=", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."]  # fmt: skip
    bodies = set()
    for token in bad:
        answer = site.fetch(token)
        assert answer.status == 401
        bodies.add(answer.header("WWW-Authenticate"))
    assert len(bodies) == 1
    text = b"".join(agent.audit_path.read_bytes() for agent in site.stack.agents).decode()
    assert good.split(".")[1] not in text


def test_a_large_token_is_refused_and_a_larger_one_never_passes(site):
    for size in (6000, 9000, 11000):
        assert site.fetch(mint(site.first, pad="x" * size)).status in (400, 401, 431, 503)
    assert site.fetch(mint(site.first, pad="x" * 4000)).status == 200


def test_a_revoked_token_is_refused_by_every_agent(site):
    token, other = mint(site.first, jti="t1"), mint(site.first, jti="t2")
    assert site.reasons(token) == {200}
    name = hashlib.sha256(f"{ISSUER}\nt1".encode()).hexdigest()[:32]
    record = site.stack.audit_of(site.fetch(token).rid)
    assert record["credential"] == f"jwt:corp:{name}"
    site.stack.admin("token", "revoke", "--name", name, "5m", "--wait")
    wait_until(lambda: site.reasons(token) == {401}, "the token to be refused", 1.0)
    assert site.fetch(token).problem()["reason"] == "revoked"
    assert site.reasons(other) == {200}


def test_tokens_from_before_are_revoked(site):
    token = mint(site.first, iat=int(time.time()) - 10)
    assert site.reasons(token) == {200}
    site.stack.admin("user", "set", "alice", f"tokens_not_before={int(time.time()) - 5}")
    wait_until(lambda: site.reasons(token) == {401}, "the token to be refused", 1.0)
    assert site.reasons(mint(site.first)) == {200}
    assert site.stack.fetch(user="alice").status == 200


def test_a_reload_rotates_keys_and_a_bad_file_keeps_the_old(site):
    old, new = mint(site.first), mint(site.second)
    assert (site.reasons(old), site.reasons(new)) == ({200}, {401})
    site.current.write_text(site.second.read_text())  # private: refused
    site.reload()
    for agent in site.stack.agents:
        wait_until(lambda: "a private key, which has no place here" in agent.log(), "the refusal")
    assert (site.reasons(old), site.reasons(new)) == ({200}, {401})
    site.use(site.second)
    site.reload()
    wait_until(lambda: site.reasons(new) == {200}, "the new key", 5.0)
    assert site.reasons(old) == {401}
