"""Several gates and kinds of credentials through real HAProxy: haproxy-examples/mixed/."""

import base64

import pytest

from harness.http import fetch
from harness.stack import Stack
from test_tokens import make_key, mint

pytestmark = pytest.mark.sanitized

SERVICES, PARTNERS = 0, 1
PATH = "/v1/orders/7"


class Site:
    def __init__(self, directory, monkeypatch):
        self.signer = make_key(directory, "id")
        monkeypatch.setenv("REEVE_ID_KEYS", str(self.signer.with_suffix(".pem")))
        self.stack = Stack(directory, example="mixed", is_patient=True)

    def start(self):
        self.stack.start()
        self.stack.admin("role", "set", "preflight")
        self.stack.admin("role", "rule", "add", "preflight", "10", "allow OPTIONS * /v1/**")
        self.stack.admin.set_password("alice", "secret")
        authorities = self.stack.haproxy.site.authorities
        self.service = authorities[SERVICES].issue("service", "/OU=services/CN=alice")
        self.partner = authorities[PARTNERS].issue("partner", "/O=Acme/CN=gateway 7")
        self.stranger = authorities[PARTNERS].issue("stranger", "/O=Acme/CN=gateway 8")

    def token(self, bound_to=None, **claims):
        if bound_to:
            x5t = base64.urlsafe_b64encode(bound_to.der_sha256).decode().rstrip("=")
            claims["cnf"] = {"x5t#S256": x5t}
        return mint(self.signer, **{"aud": "https://api.example.com", **claims})

    def ask(
        self, bind=None, certificate=None, key=None, token=None, password=None, **options
    ):
        """The status, and the reason where there is one. No bind: the one without TLS."""
        haproxy = self.stack.haproxy
        address = haproxy.address if bind is None else haproxy.tls(bind, certificate)
        headers = [("Authorization", f"Bearer {token}")] if token else []
        if password:
            pair = base64.b64encode(f"alice:{password}".encode()).decode()
            headers.append(("Authorization", f"Basic {pair}"))
        answer = fetch(address, path=PATH, key=key, headers=headers, **options)
        if answer.status == 200:
            return 200, self.stack.upstream.received[-1].value("X-Reeve-User")
        return answer.status, answer.problem()["reason"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with pytest.MonkeyPatch.context() as monkeypatch:
        site = Site(tmp_path_factory.mktemp("mixed"), monkeypatch)
        try:
            site.start()
            yield site
        finally:
            site.stack.stop()


@pytest.fixture
def key(site):
    return site.stack.keys["alice"]


def test_the_public_gate_takes_a_key_a_token_or_a_password(site, key):
    assert site.ask(key=key) == (200, "alice")
    assert site.ask(token=site.token()) == (200, "alice")
    assert site.ask(token=key) == (200, "alice")
    assert site.ask(password="secret") == (200, "alice")
    assert site.ask(password="wrong") == (401, "bad_credential")
    assert site.ask() == (401, "no_credential")


def test_two_at_once_are_refused_whichever_is_good(site, key):
    bad_key, bad_token = key[:-1] + ("0" if key[-1] != "0" else "1"), site.token()[:-5] + "AAAAA"
    for one in (key, bad_key):
        for other in (site.token(), bad_token, key):
            assert site.ask(key=one, token=other) == (400, "bad_request")
        for password in ("secret", "wrong"):
            assert site.ask(key=one, password=password) == (400, "bad_request")
    for certificate in (site.service, site.partner):
        for one in (key, bad_key):
            assert site.ask(SERVICES, certificate, key=one) == (400, "bad_request")


def test_preflight_is_anonymous_and_nothing_else_is(site):
    assert site.ask(method="OPTIONS") == (200, None)
    assert site.ask(method="GET") == (401, "no_credential")
    assert site.ask(method="OPTIONS", key="rv_x") == (401, "bad_credential")
    assert site.ask(method="OPTIONS", token="x") == (401, "bad_credential")
    for bind in (SERVICES, PARTNERS):
        assert site.ask(bind, method="OPTIONS") == (401, "no_credential")


def test_the_services_gate_takes_a_certificate_or_a_key(site, key):
    assert site.ask(SERVICES, site.service) == (200, "alice")
    assert site.ask(SERVICES, key=key) == (200, "alice")
    assert site.ask(SERVICES, site.partner) == (401, "bad_credential")
    # Tokens are not for this gate.
    assert site.ask(SERVICES, site.service, token="x") == (200, "alice")
    assert site.ask(SERVICES, token=site.token()) == (401, "no_credential")


def test_a_bound_token_counts_with_its_certificate_alone(site):
    token = site.token(site.partner)
    assert site.ask(PARTNERS, site.partner, token=token) == (200, "alice")
    assert site.ask(PARTNERS, site.stranger, token=token) == (401, "bad_credential")
    assert site.ask(PARTNERS, token=token) == (401, "no_credential")
    assert site.ask(token=token) == (401, "bad_credential")
    # The very certificate, where nobody verified it.
    assert site.ask(SERVICES, site.partner, token=token) == (401, "bad_credential")


def test_partners_need_both(site, key):
    assert site.ask(PARTNERS, site.partner) == (401, "no_credential")
    assert site.ask(PARTNERS, token=site.token()) == (401, "no_credential")
    assert site.ask(PARTNERS, site.partner, key=key) == (401, "no_credential")
    assert site.ask(PARTNERS, site.partner, token=site.token()) == (401, "bad_credential")


def test_a_certificate_of_the_same_user_will_do(site):
    admin, certificate = site.stack.admin, site.stranger
    admin("cert", "add", "bob", str(certificate.path), "--wait")
    assert site.ask(PARTNERS, certificate, token=site.token()) == (401, "bad_credential")
    assert site.ask(PARTNERS, certificate, token=site.token(sub="bob")) == (200, "bob")
    # Bound to it, and it is another user's: the record counts.
    assert site.ask(PARTNERS, certificate, token=site.token(certificate)) == (401, "bad_credential")
    admin("cert", "revoke", str(certificate.path), "--wait")
    assert site.ask(PARTNERS, certificate, token=site.token(sub="bob")) == (401, "revoked")


def test_a_key_bound_to_a_certificate(site):
    key = site.stack.admin.issue("alice", f"cert={site.service.fingerprint}")
    assert site.ask(key=key) == (401, "bad_credential")
    assert site.ask(SERVICES, key=key) == (401, "bad_credential")


def test_the_audit_says_which_gate_and_what_was_wrong(site):
    token = site.token(site.partner)
    answer = fetch(
        site.stack.haproxy.tls(PARTNERS, site.stranger),
        path=PATH,
        headers=[("Authorization", f"Bearer {token}")],
    )
    record = site.stack.audit_of(answer.rid)
    assert (record["gate"], record["reason"]) == ("partners", "bad_credential")
    assert "certificate" in record["fault"]
