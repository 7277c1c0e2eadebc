"""Keys that an issuer publishes: fetched over TLS, rotated under load, kept while the server fails,
refused as a whole where they are not sound."""

import concurrent.futures
import json
import signal
import subprocess
import threading
import time
from types import SimpleNamespace

import pytest

from faultlib import Faults
from harness.agent import BUILD
from harness.http import Client
from harness.issuer import Authority, Issuer, Key
from harness.stack import Stack
from harness.wait import wait_until

GATE = 'gate "*" { accept = {apikey, jwt} }\n'


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


class Site:
    """A stack of one agent whose issuer publishes its keys."""

    def __init__(self, directory, authority, **options):
        self.issuer = Issuer(directory, authority)
        self.config = directory / "reeve.conf"
        self.options = {"jwks_cooldown": "1s", "jwks_timeout": "2s", **options}
        self.stack = Stack(directory, agents=1, is_patient=True, deadline_slow="1800ms")
        self.agent = self.stack.agents[0]
        self.agent.use_config(self.config)
        self.configure(**self.options)

    def configure(self, **options):
        self.config.write_text(GATE + self.issuer.section(**options))

    def reload(self):
        count = self.agent.log().count("reload:")
        self.agent.signal(signal.SIGHUP)
        wait_until(lambda: self.agent.log().count("reload:") > count, "the reload", 10.0)

    def fetch(self, token):
        return self.stack.fetch(headers=[("Authorization", f"Bearer {token}")])

    def status(self, token):
        return self.fetch(token).status

    def reason(self, token):
        return self.fetch(token).problem()["reason"]

    def wait_for_fetches(self, count, seconds=15.0):
        have = len(self.issuer.requests)
        wait_until(lambda: len(self.issuer.requests) >= have + count, "fetches", seconds)


@pytest.fixture
def start_site(tmp_path, authority):
    sites = []

    def start(serves=True, env=None, **options):
        site = Site(tmp_path, authority, **options)
        site.agent.env.update(env or {})
        sites.append(site)
        if serves:
            site.issuer.start()
        site.stack.start()
        return site

    yield start
    for site in sites:
        site.stack.stop()
        site.issuer.stop()


@pytest.mark.sanitized
def test_published_keys_let_in_and_a_new_one_is_met(start_site):
    site = start_site()
    assert site.status(site.issuer.token()) == 200
    fetched = len(site.issuer.requests)
    assert site.status(site.issuer.token()) == 200
    assert len(site.issuer.requests) == fetched
    _, path, headers = site.issuer.requests[0]
    assert path == "/keys"
    assert "jwk-set+json" in headers["Accept"]
    assert not {"Authorization", "Cookie", "Accept-Encoding"} & set(headers)

    old = site.issuer.token()
    assert site.status(old) == 200
    site.issuer.rotate(overlap=1)
    assert site.status(site.issuer.token()) == 200
    assert site.status(old) == 200


@pytest.mark.sanitized
def test_a_key_that_has_gone_ends_its_tokens_also_the_remembered(start_site):
    site = start_site(jwks_refresh="1s")
    old = site.issuer.token()
    assert site.status(old) == 200
    gone = site.issuer.keys[0]
    site.issuer.rotate()
    site.issuer.publish(site.issuer.keys[-1])
    assert site.status(site.issuer.token()) == 200
    assert site.status(old) == 401
    assert site.status(site.issuer.token(gone)) == 401
    # Under the old kid, but another key.
    impostor = Key(site.issuer.directory, "again")
    impostor.kid = impostor.jwk["kid"] = site.issuer.keys[-1].kid
    token = site.issuer.token()
    site.issuer.publish(impostor)
    wait_until(lambda: site.status(token) == 401, "the replaced key's token to end", 10.0)
    assert site.status(site.issuer.token(impostor)) == 200


@pytest.mark.sanitized
def test_rotations_under_load_refuse_no_valid_token(start_site, request):
    site = start_site(jwks_cooldown="1s")
    rounds = 20 if request.config.getoption("--long") else 3
    state = SimpleNamespace(token=site.issuer.token(), is_over=False)
    refused, counts, lock = [], [0], threading.Lock()

    def ask():
        client = Client(site.stack.address)
        while not state.is_over:
            token = state.token
            answer = client.request(
                path="/v1/orders/1", headers=[("Authorization", f"Bearer {token}")]
            )
            with lock:
                counts[0] += 1
                if answer.status != 200:
                    refused.append((answer.status, answer.body))

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(rounds):
        time.sleep(1.2)
        site.issuer.rotate(overlap=1)
        state.token = site.issuer.token()
    time.sleep(0.5)
    state.is_over = True
    for thread in threads:
        thread.join(30)
    assert refused == []
    assert counts[0] > 100 * rounds


@pytest.mark.sanitized
def test_a_flood_of_unknown_kids_is_one_fetch_and_parks_within_bounds(start_site):
    site = start_site(jwks_cooldown="30s")
    assert site.status(site.issuer.token()) == 200
    fetched = len(site.issuer.requests)
    stranger = Key(site.issuer.directory, "stranger")
    tokens = []
    for number in range(40):
        stranger.kid = f"unknown-{number}"
        tokens.append(site.issuer.token(stranger))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(site.status, tokens * 5))
    assert set(statuses) == {401}
    assert len(site.issuer.requests) == fetched + 1
    assert site.status(site.issuer.token()) == 200


def test_the_server_is_away_at_the_start_and_comes(start_site):
    site = start_site(serves=False)
    token = site.issuer.token()
    assert site.reason(token) == "issuer_down"
    assert site.stack.fetch(user="alice").status == 200
    wait_until(lambda: "its tokens are refused" in site.agent.log(), "the log line")
    site.issuer.start()
    wait_until(lambda: site.status(token) == 200, "the keys", 15.0)
    assert site.agent.log().count("its tokens are refused") == 1
    wait_until(lambda: "/keys: 1 keys" in site.agent.log(), "the log line")


def test_the_last_good_keys_count_until_they_are_too_old(start_site):
    site = start_site(jwks_refresh="1s", jwks_max_age="4s")
    token = site.issuer.token()
    assert site.status(token) == 200
    site.issuer.stop()
    wait_until(lambda: "the last good keys stay" in site.agent.log(), "the failure", 10.0)
    assert site.status(token) == 200
    assert site.status(site.issuer.token()) == 200
    wait_until(lambda: site.status(token) == 503, "the keys to be too old", 10.0)
    assert site.reason(token) == "issuer_down"
    assert site.reason(site.issuer.token()) == "issuer_down"
    site.issuer.start()
    wait_until(lambda: site.status(token) == 200, "the keys", 10.0)


WEAK = {"kty": "RSA", "kid": "w", "n": "ohgW", "e": "AQAB"}


def elsewhere(issuer):
    return f"https://localhost:{issuer.address[1]}/other"


def private(issuer):
    return {"keys": [{**issuer.keys[0].jwk, "d": "AQAB"}]}


def twice(issuer):
    return {"keys": [issuer.keys[0].jwk, {**Key(issuer.directory, "x").jwk, "kid": issuer.keys[0].kid}]}


def other_name(issuer):
    issuer.show(issuer.authority.sign(issuer.directory, "IP:127.0.0.9,DNS:localhost", "n"))


def other_authority(issuer):
    stranger = Authority(issuer.directory, "stranger")
    issuer.show(stranger.sign(issuer.directory, f"IP:{issuer.address[0]}", "o"))


def expired(issuer):
    issuer.show(issuer.authority.sign(issuer.directory, f"IP:{issuer.address[0]}", "e", days=-1))


# What a server may say instead of a good set: how, and what the log tells.
BAD = {
    "redirect-host": (
        lambda i: i.say(b"", 302, [("Location", elsewhere(i))]),
        "status 302; redirects are not followed",
    ),
    "redirect-http": (
        lambda i: i.say(b"", 301, [("Location", "http://127.0.0.1:9/keys")]),
        "status 301; redirects are not followed",
    ),
    "redirect-self": (
        lambda i: i.say(b"", 307, [("Location", "/other")]),
        "status 307; redirects are not followed",
    ),
    "error": (lambda i: i.say(b"{}", 500), "status 500"),
    "nothing": (lambda i: i.say(b"", 204), "status 204"),
    "html": (lambda i: i.say(b"<html></html>"), "not a JWK Set"),
    "empty": (lambda i: i.say(b""), "not a JWK Set"),
    "cut": (lambda i: i.say(b'{"keys": [{"kty"'), "not a JWK Set"),
    "object": (lambda i: i.say({}), "not a JWK Set"),
    "no-keys": (lambda i: i.say({"keys": []}), "no key to verify with"),
    "private": (lambda i: i.say(private(i)), "a private key"),
    "twice": (lambda i: i.say(twice(i)), "this kid stands there twice"),
    "secret": (lambda i: i.say({"keys": [{"kty": "oct", "k": "A" * 64}]}), "a secret (kty oct)"),
    "weak": (lambda i: i.say({"keys": [i.keys[0].jwk, WEAK]}), "RSA of 24 bits"),
    "many": (lambda i: i.say({"keys": [WEAK] * 65}), "at most 64"),
    "large": (lambda i: i.say(b" " * 65537), "larger than 65536 bytes"),
    "endless": (lambda i: i.pour(), "larger than 65536 bytes"),
    "drip": (lambda i: i.drip(), "imed out"),
    "late": (lambda i: i.publish(i.keys[0], delay=3.0), "imed out"),
    "other-name": (other_name, "no alternative certificate subject name"),
    "other-ca": (other_authority, "unable to get local issuer certificate"),
    "expired": (expired, "certificate has expired"),
}


class Crowd:
    """One agent, and an issuer for each row."""

    def __init__(self, directory, authority):
        self.issuers = {}
        for name in BAD:
            place = directory / name
            place.mkdir()
            self.issuers[name] = Issuer(place, authority, kid=name)
        config = directory / "reeve.conf"
        config.write_text(GATE + "".join(
            issuer.section(name, jwks_refresh="1s", jwks_timeout="1s", jwks_cooldown="1h")
            for name, issuer in self.issuers.items()))  # fmt: skip
        self.stack = Stack(directory, agents=1, is_patient=True, deadline_slow="1800ms")
        self.stack.agents[0].use_config(config)

    def answer(self, name):
        token = self.issuers[name].token()
        return self.stack.fetch(headers=[("Authorization", f"Bearer {token}")])

    def wait_for_log(self, name, text):
        def is_told():
            lines = self.stack.agents[0].log().splitlines()
            return any(f"issuer {name}: " in line and text in line for line in lines)

        wait_until(is_told, f"{name}: {text} in the log", 20.0)

    def stop(self):
        self.stack.stop()
        for issuer in self.issuers.values():
            issuer.stop()


@pytest.fixture
def crowd(tmp_path, authority):
    made = Crowd(tmp_path, authority)
    yield made
    made.stop()


def test_what_is_no_good_set_lets_nobody_in_and_ends_no_good_one(crowd):
    """Every row at the start, and again when there was a good set."""
    good = {name: issuer.files for name, issuer in crowd.issuers.items()}
    for name, (spoil, _) in BAD.items():
        spoil(crowd.issuers[name])
        crowd.issuers[name].start()
    crowd.stack.start()
    for name, (_, told) in BAD.items():
        crowd.wait_for_log(name, told)
        answer = crowd.answer(name)
        assert (answer.status, answer.problem()["reason"]) == (503, "issuer_down"), name
    for name, issuer in crowd.issuers.items():
        issuer.show(good[name])
        issuer.publish(*issuer.keys)
    for name in BAD:
        wait_until(lambda: crowd.answer(name).status == 200, f"{name}: a good set", 30.0)
    for name, (spoil, _) in BAD.items():
        spoil(crowd.issuers[name])
    for name, (_, told) in BAD.items():
        crowd.wait_for_log(name, "the last good keys stay")
        assert crowd.answer(name).status == 200, name
    for issuer in crowd.issuers.values():
        assert {path for _, path, _ in issuer.requests} <= {"/keys"}


HUNG = """issuer "hung" {
  issuer = "https://id.invalid"
  audience = {api}
  algorithms = {ES256}
  jwks_url = "https://id.invalid/keys"
  jwks_timeout = "1s"
}
"""


def test_a_name_server_that_hangs_holds_up_no_other_issuer_and_no_stop(start_site, tmp_path):
    faults = Faults(BUILD / "libfaultlib.so", tmp_path / "faults")
    site = start_site(env=faults.env)
    assert site.status(site.issuer.token()) == 200
    faults.strike("getaddrinfo", nth=1, every=1, delay_s=60.0)
    site.config.write_text(GATE + site.issuer.section(**site.options) + HUNG)
    site.reload()
    wait_until(lambda: "issuer hung: " in site.agent.log(), "the fetch that timed out", 10.0)
    site.issuer.rotate()
    assert site.status(site.issuer.token()) == 200
    site.reload()
    assert site.status(site.issuer.token()) == 200
    assert faults.hits("getaddrinfo") > 0
    assert site.agent.terminate() == 0


class Example:
    """haproxy-examples/jwt/ with a provider of ours."""

    def __init__(self, directory, authority, monkeypatch):
        self.issuer = Issuer(directory, authority)
        monkeypatch.setenv("REEVE_ID_ISSUER", self.issuer.name)
        monkeypatch.setenv("REEVE_ID_JWKS", self.issuer.url)
        monkeypatch.setenv("REEVE_ID_CA", str(authority.pem))
        self.stack = Stack(directory, example="jwt", is_patient=True, deadline_slow="1800ms")

    def ask(self, token=None, path="/v1/orders/7"):
        """The status, and the reason where there is one."""
        headers = [("Authorization", f"Bearer {token}")] if token else []
        answer = self.stack.fetch(headers=headers, path=path)
        if answer.status == 200:
            return 200, self.stack.upstream.received[-1].value("X-Reeve-User")
        return answer.status, answer.problem()["reason"]

    def token(self, roles=("reader",), **claims):
        whole = {"aud": "https://api.example.com", "sub": "5f2d9c1e", "preferred_username": "alice",
                 "realm_access": {"roles": roles}, "jti": f"j{time.monotonic_ns()}", **claims}  # fmt: skip
        return self.issuer.token(**whole)


@pytest.fixture
def example(tmp_path, authority, monkeypatch):
    made = Example(tmp_path, authority, monkeypatch)
    made.issuer.start()
    made.stack.start()
    yield made
    made.stack.stop()
    made.issuer.stop()


def test_the_example_does_what_it_says(example):
    now = int(time.time())
    token = example.token(jti="t1", exp=now + 600)
    assert example.ask(token) == (200, "alice")
    assert example.ask(example.token(roles=["other"])) == (403, "no_rule")
    assert example.ask() == (401, "no_credential")
    assert example.ask(example.token(iat=now - 600, exp=now - 60)) == (401, "expired")
    assert example.ask(example.token(aud="other")) == (401, "bad_credential")
    assert example.ask(example.token(exp=now + 7200)) == (401, "bad_credential")
    example.stack.admin("token", "revoke", example.issuer.name, "t1", str(now + 600), "--wait")
    assert example.ask(token) == (401, "revoked")
    other = example.token(iat=now - 10)
    assert example.ask(other) == (200, "alice")
    example.stack.admin("user", "set", "alice", f"tokens_not_before={now - 5}", "--wait")
    assert example.ask(other) == (401, "revoked")


def verify_by_hand(site, token):
    return subprocess.run(
        [BUILD / "reevectl", "jwt-verify", "-f", site.config],
        input=token, text=True, capture_output=True, check=False)  # fmt: skip


def test_a_token_is_verified_by_hand(start_site):
    site = start_site()
    done = verify_by_hand(site, site.issuer.token())
    assert (done.returncode, json.loads(done.stdout)["sub"]) == (0, "alice")
    stranger = Key(site.issuer.directory, "stranger")
    done = verify_by_hand(site, site.issuer.token(stranger))
    assert (done.returncode, done.stdout) == (1, "")
    assert "no key for this kid and alg" in done.stderr
    site.issuer.stop()
    done = verify_by_hand(site, site.issuer.token())
    assert (done.returncode, done.stdout) == (1, "")
    assert "issuer corp: https://" in done.stderr


def test_a_reload_keeps_the_keys_and_takes_other_urls(start_site):
    """SIGHUP under load refuses nobody; another URL is another set."""
    site = start_site()
    token = site.issuer.token()
    assert site.status(token) == 200
    site.issuer.say(b"{}", 500)
    for _ in range(3):
        site.configure(**site.options, leeway="20s")
        site.reload()
        assert [site.status(token) for _ in range(5)] == [200] * 5
    site.issuer.url = site.issuer.url.replace("/keys", "/others")
    site.configure(**site.options)
    site.reload()
    assert site.reason(token) == "issuer_down"
    site.issuer.publish(*site.issuer.keys)
    wait_until(lambda: site.status(token) == 200, "the other URL's keys", 15.0)
    assert site.issuer.requests[-1][1] == "/others"
