"""Client certificates through real HAProxy, TLS and Redis: haproxy-examples/mtls/."""

import socket
import ssl

import pytest

from harness.http import Client, fetch
from harness.pki import Authority
from harness.stack import Stack

pytestmark = pytest.mark.sanitized

STAFF, PARTNERS = 0, 1
STAFF_DN = "/C=DE/O=Example, Inc/OU=staff/CN={}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("mtls"), example="mtls", is_patient=True)
    try:
        yield stack.start()
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def issue(stack):
    """issue(subject, authority=STAFF, **options of Certificate)"""
    count = iter(range(1000))

    def make(subject, authority=STAFF, **options):
        return stack.haproxy.site.authorities[authority].issue(
            f"leaf{next(count)}", subject, **options
        )

    return make


@pytest.fixture(scope="module")
def alice(issue):
    return issue(STAFF_DN.format("alice"))


def get(stack, bind, certificate, **options):
    options.setdefault("path", "/v1/orders/7")
    return fetch(stack.haproxy.tls(bind, certificate), **options)


def statuses(stack, bind, certificate):
    """What ten requests are told; both agents are among them."""
    return {get(stack, bind, certificate).status for _ in range(10)}


def test_a_subject_names_its_user(stack, alice):
    answer = get(stack, STAFF, alice)
    assert (answer.status, answer.body) == (200, b"upstream\n")
    got = stack.upstream.received[-1]
    assert got.value("X-Reeve-User") == "alice"
    assert got.value("X-Reeve-Credential") == f"cert:{alice.fingerprint[:16]}"
    record = stack.audit_of(answer.rid)
    assert (record["user"], record["rule"]) == ("alice", "reader/10")
    assert record["credential"] == f"cert:{alice.fingerprint}"
    assert get(stack, STAFF, alice, path="/admin").status == 403


def test_without_a_certificate_there_is_no_credential(stack):
    for bind in (STAFF, PARTNERS):
        answer = get(stack, bind, None)
        assert answer.status == 401
        assert answer.problem()["reason"] == "no_credential"


STRANGERS = {
    "nobody": "/C=DE/O=Example, Inc/OU=staff",
    "another_unit": "/C=DE/O=Example, Inc/OU=guests/CN=alice",
    "no_unit": "/C=DE/O=Example, Inc/CN=alice",
    "more_below": "/C=DE/O=Example, Inc/OU=staff/OU=x/CN=alice",
    "two_names": STAFF_DN.format("bob") + "/CN=alice",
    "two_names_as_one_part": STAFF_DN.format("alice+CN=bob"),
    "a_slash": STAFF_DN.format(r"bob\/CN=alice"),
    "a_comma": STAFF_DN.format("bob,CN=alice"),
    "the_rest_in_the_name": r"/CN=alice,OU=staff,O=Example\\, Inc,C=DE",
    "a_look_alike": STAFF_DN.format("\u0430lice"),
    "a_blank": STAFF_DN.format("alice "),
    "a_number_sign": STAFF_DN.format("#alice"),
    "an_email": STAFF_DN.format("x").replace("CN=x", "emailAddress=alice"),
}


@pytest.mark.parametrize("subject", STRANGERS.values(), ids=STRANGERS.keys())
def test_a_subject_that_names_nobody_is_refused(stack, issue, subject):
    options = {"multivalue": True} if "+CN" in subject else {}
    answer = get(stack, STAFF, issue(subject, **options))
    assert answer.status == 401
    assert answer.problem()["reason"] == "bad_credential"


def test_what_was_not_verified_is_refused(stack, issue):
    name = STAFF_DN.format("alice")
    for certificate in (issue(name, PARTNERS), issue(name, days=-1)):
        answer = get(stack, STAFF, certificate)
        assert (answer.status, answer.problem()["reason"]) == (401, "bad_credential")


def test_a_record_does_not_help_what_was_not_verified(stack, issue):
    certificate = issue("/O=Acme/CN=x", PARTNERS)
    stack.admin("cert", "add", "alice", str(certificate.path), "--wait")
    assert statuses(stack, PARTNERS, certificate) == {200}
    assert statuses(stack, STAFF, certificate) == {401}


def test_a_ca_may_not_name_itself_like_another(stack, tmp_path):
    """Of a partner's making: an intermediate of the staff's CA's name."""
    site = stack.haproxy.site
    false = Authority(tmp_path, "false", "/C=DE/O=Example, Inc/CN=Staff CA", site.authorities[1])
    leaf = false.issue("leaf", STAFF_DN.format("alice")).chain(false)
    for bind in (STAFF, PARTNERS):
        answer = get(stack, bind, leaf)
        assert (answer.status, answer.problem()["reason"]) == (401, "bad_credential")


FORGED = ["X-SSL-Client-Verify", "X-SSL-Client-CN", "X-SSL-Client-DN", "X-SSL-Client-SHA256",
          "X-Client-Cert", "X-Forwarded-Client-Cert", "Client-Cert", "Client-Cert-Chain",
          "ssl_c_s_dn", "ssl_c_verify", "c_dn"]  # fmt: skip


def test_no_header_says_who_has_a_certificate(stack, alice):
    headers = [(name, f"CN=alice,{alice.fingerprint}") for name in FORGED]
    assert get(stack, STAFF, None, headers=headers).status == 401
    assert get(stack, STAFF, alice, headers=headers).status == 200
    got = stack.upstream.received[-1]
    assert not any("CN=alice" in value for _, value in got.headers)


def test_a_fingerprint_names_its_user_until_it_is_revoked(stack, issue):
    gateway = issue("/O=Acme/CN=gateway 7", PARTNERS)
    assert get(stack, PARTNERS, gateway).problem()["reason"] == "bad_credential"
    printed = stack.admin("cert", "add", "alice", str(gateway.path), "--wait")
    assert gateway.fingerprint in printed
    client = Client(stack.haproxy.tls(PARTNERS, gateway))
    assert client.request(path="/v1/orders/7").status == 200
    assert statuses(stack, PARTNERS, gateway) == {200}
    # Only its own bind verifies it.
    assert get(stack, STAFF, gateway).status == 401

    stack.admin("cert", "revoke", gateway.fingerprint, "--wait")
    answer = client.request(path="/v1/orders/7")
    assert (answer.status, answer.problem()["reason"]) == (401, "revoked")
    assert statuses(stack, PARTNERS, gateway) == {401}
    stack.admin("cert", "enable", str(gateway.path), "--wait")
    assert statuses(stack, PARTNERS, gateway) == {200}


def test_a_record_ends_what_a_subject_names(stack, issue):
    mine, other = issue(STAFF_DN.format("alice")), issue(STAFF_DN.format("alice"))
    assert statuses(stack, STAFF, mine) == {200}
    stack.admin("cert", "add", "alice", str(mine.path))
    stack.admin("cert", "revoke", str(mine.path), "--wait")
    assert statuses(stack, STAFF, mine) == {401}
    assert statuses(stack, STAFF, other) == {200}


# ---- sessions ----

HEAD = b"GET /v1/orders/7 HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n"
KINDS = {
    "tls1.2_ticket": (ssl.TLSVersion.TLSv1_2, 0),
    "tls1.2_id": (ssl.TLSVersion.TLSv1_2, ssl.OP_NO_TICKET),
    "tls1.3": (ssl.TLSVersion.TLSv1_3, 0),
}


def converse(address, context, session=None):
    """One request: the status, the session, and whether it was resumed."""
    with socket.create_connection(address, timeout=10) as plain:
        with context.wrap_socket(plain, session=session) as sock:
            sock.sendall(HEAD)
            answer = b""
            while part := sock.recv(65536):
                answer += part
            return int(answer.split()[1]), sock.session, sock.session_reused


def context_of(stack, certificate, kind):
    context = stack.haproxy.site.context(certificate)
    context.maximum_version, options = KINDS[kind]
    context.options |= options
    return context


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_session_keeps_its_certificate_and_its_faults(stack, issue, alice, kind):
    resumed = 0
    wrong = issue(STAFF_DN.format("alice"), PARTNERS)
    for certificate, status in ((alice, 200), (wrong, 401)):
        context, address = context_of(stack, certificate, kind), stack.haproxy.tls_addresses[STAFF]
        first, session, _ = converse(address, context)
        again, _, was_resumed = converse(address, context, session)
        assert (first, again) == (status, status)
        resumed += was_resumed
    assert resumed == (0 if kind == "tls1.2_id" else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_is_not_resumed_where_another_ca_vouches(stack, tmp_path, kind):
    """Of a partner's making, as above; HAProxy's one cache of sessions would let it through."""
    site = stack.haproxy.site
    false = Authority(tmp_path, "false", "/C=DE/O=Example, Inc/CN=Staff CA", site.authorities[1])
    leaf = false.issue("leaf", STAFF_DN.format("alice")).chain(false)
    context = context_of(stack, leaf, kind)
    status, session, _ = converse(stack.haproxy.tls_addresses[PARTNERS], context)
    assert status == 401
    status, _, was_resumed = converse(stack.haproxy.tls_addresses[STAFF], context, session)
    assert (status, was_resumed) == (401, False)
