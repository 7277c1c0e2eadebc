"""Allow and deny through real HAProxy and Redis, with the audit record of each (case 104, with the
faults of test_faults.py, for the HAProxy that is installed)."""

import base64
import time

import pytest

from harness import h2
from harness.apikey import key_id, with_checksum
from harness.http import fetch, raw_request
from harness.wait import wait_until

pytestmark = pytest.mark.sanitized


def test_allow(stack):
    answer = stack.fetch(user="alice")
    assert (answer.status, answer.body) == (200, b"upstream\n")
    record = stack.audit_of(answer.rid)
    assert record["verdict"] == "allow"
    assert record["reason"] == "ok"
    assert record["status"] == 200
    assert record["user"] == "alice"
    assert record["credential"] == f"key:{key_id(stack.keys['alice'])}"
    assert record["rule"] == "reader/10"
    assert record["path"] == "/v1/orders/7"
    assert record["method"] == "GET"
    assert record["host"] == "api.example.com"


def test_upstream_sees_who_is_calling_and_no_secret(stack):
    answer = stack.fetch(user="bob", headers=[("X-Reeve-User", "root")])
    got = next(one for one in stack.upstream.received if one.value("X-Request-ID") == answer.rid)
    assert got.value("X-Reeve-User") == "bob"
    assert sorted(got.value("X-Reeve-Roles").split(",")) == ["reader", "writer"]
    assert got.value("X-Reeve-Credential") == f"key:{key_id(stack.keys['bob'])}"
    assert not any("rv_" in value for _, value in got.headers)


def test_no_credential_is_401_with_a_challenge(stack):
    answer = stack.fetch()
    assert answer.status == 401
    assert answer.problem()["reason"] == "no_credential"
    assert answer.header("WWW-Authenticate").startswith("Bearer")
    record = stack.audit_of(answer.rid)
    assert (record["verdict"], record["reason"]) == ("deny", "no_credential")


REFUSED_FOR_ALICE = [
    ("outside_her_rules", "GET", "/admin", 403, "no_rule"),
    ("method_outside_her_rules", "POST", "/v1/orders/7", 403, "no_rule"),
    ("lower_case_method", "get", "/v1/orders/7", 403, "no_rule"),
    ("prefix_only", "GET", "/v1/ordersX", 403, "no_rule"),
    ("dot_segments", "GET", "/v1/orders/../../admin", 400, "ambiguous_path"),
    ("encoded_dots", "GET", "/v1/orders/%2e%2e/%2E%2E/admin", 400, "ambiguous_path"),
    ("encoded_slash", "GET", "/v1/orders%2f7", 400, "ambiguous_path"),
    ("empty_segment", "GET", "/v1//orders/7", 400, "ambiguous_path"),
    ("backslash", "GET", "/v1/orders/..%5cadmin", 400, "ambiguous_path"),
    ("double_encoding", "GET", "/v1/orders/%252e", 400, "ambiguous_path"),
    ("parameter", "GET", "/v1/orders/7;a=b", 400, "ambiguous_path"),
    ("nul", "GET", "/v1/orders/%00", 400, "ambiguous_path"),
    ("not_canonical", "GET", "/v1/%6frders/7", 400, "ambiguous_path"),
]


@pytest.mark.parametrize(
    "method, path, status, reason",
    [row[1:] for row in REFUSED_FOR_ALICE],
    ids=[row[0] for row in REFUSED_FOR_ALICE],
)
def test_known_user_is_refused(stack, method, path, status, reason):
    answer = stack.fetch(path, user="alice", method=method)
    assert answer.status == status
    assert answer.problem()["reason"] == reason
    record = stack.audit_of(answer.rid)
    assert (record["verdict"], record["status"], record["reason"]) == ("deny", status, reason)
    assert answer.rid not in stack.upstream.rids()


def test_deny_beats_allow(stack):
    assert stack.fetch(user="bob", method="POST").status == 200
    answer = stack.fetch(user="bob", method="DELETE")
    assert answer.status == 403
    assert answer.problem()["reason"] == "rule_denied"
    assert stack.audit_of(answer.rid)["rule"] == "writer/20"


def test_request_without_a_path_is_refused(stack):
    answer = raw_request(stack.address, b"OPTIONS * HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
    assert answer.status == 400


def _flip(text, at):
    """Another character of the key's alphabet in this place."""
    return text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :]


def malformed(key):
    return {
        "empty": "",
        "word": "secret",
        "prefix_only": "rv_",
        "cut": key[:-1],
        "longer": key + "0",
        "wrong_checksum": _flip(key, len(key) - 1),
        "wrong_secret": _flip(key, 20),
        "wrong_id": _flip(key, 5),
        "other_prefix": "rw" + key[2:],
        "upper_case_prefix": key.replace("rv_", "RV_"),
        "blank_inside": key[:20] + " " + key[21:],
        "comma_and_more": key + ",x",
        "two_keys": key + "," + key,
        "letters_beyond_ascii": key[:20] + "\xe4" + key[21:],
    }


@pytest.mark.parametrize("case", malformed("rv_" + "0" * 50))
def test_malformed_key_is_401(stack, case):
    answer = stack.fetch(key=malformed(stack.keys["alice"])[case])
    assert answer.status == 401
    assert answer.problem()["reason"] in ("bad_credential", "no_credential")
    record = stack.audit_of(answer.rid)
    assert record["verdict"] == "deny"
    assert not record.get("user")


def test_unknown_key_is_401_and_looks_like_a_wrong_secret(stack):
    """A well-formed key whose record is gone."""
    gone = stack.admin.issue("alice")
    stack.admin("key", "delete", key_id(gone))
    unknown = stack.fetch(key=gone)
    # bob's id and alice's secret, with a checksum made as the agent makes it
    wrong = stack.fetch(key=with_checksum(f"rv_{key_id(stack.keys['bob'])}_{'0' * 32}"))
    for answer in (unknown, wrong):
        assert answer.status == 401
        assert answer.problem()["reason"] == "bad_credential"
    assert unknown.header("WWW-Authenticate") == wrong.header("WWW-Authenticate")


def test_expired_key_is_401(stack):
    key = stack.admin.issue("alice")
    stack.redis.command("HSET", f"reeve:key:{key_id(key)}", "expires", str(int(time.time()) - 1))
    answer = stack.fetch(key=key)
    assert answer.status == 401
    assert answer.problem()["reason"] == "expired"


def test_key_expires_while_in_use(stack):
    key = stack.admin.issue("alice")
    stack.redis.command("HSET", f"reeve:key:{key_id(key)}", "expires", str(int(time.time()) + 2))
    assert stack.fetch(key=key).status == 200
    stack.wait_for_status(401, key=key)
    assert stack.fetch(key=key).problem()["reason"] == "expired"


def test_disabled_key_is_401_within_max_age(stack):
    key = stack.admin.issue("alice")
    assert stack.fetch(key=key).status == 200
    stack.admin("key", "disable", key_id(key))
    stack.wait_for_status(401, key=key)
    assert stack.fetch(key=key).problem()["reason"] == "revoked"


def test_disabled_user_is_403_until_enabled(stack):
    stack.admin("user", "add", "carol", "roles=reader")
    key = stack.admin.issue("carol")
    assert stack.fetch(key=key).status == 200
    stack.admin("user", "disable", "carol")
    stack.wait_for_status(403, key=key)
    assert stack.fetch(key=key).problem()["reason"] == "user_disabled"
    stack.admin("user", "enable", "carol")
    stack.wait_for_status(200, key=key)


def test_deleted_user_is_refused(stack):
    stack.admin("user", "add", "dave", "roles=reader")
    key = stack.admin.issue("dave")
    assert stack.fetch(key=key).status == 200
    stack.admin("user", "delete", "--keys", "dave")
    stack.wait_for_status(401, key=key)


def test_key_with_fewer_roles_allows_less(stack):
    key = stack.admin.issue("bob", "roles=reader")
    assert stack.fetch(key=key).status == 200
    assert stack.fetch(key=key, method="POST").status == 403


def test_deny_of_a_role_the_key_left_out_still_holds(stack):
    key = stack.admin.issue("bob", "roles=reader")
    assert stack.fetch(key=key, method="DELETE").problem()["reason"] == "rule_denied"


def test_source_address_binds_a_key(stack):
    key = stack.admin.issue("alice", "allow_from=127.9.8.0/24")
    assert stack.fetch(key=key, source="127.9.8.7").status == 200
    answer = stack.fetch(key=key, source="127.9.9.7")
    assert answer.status == 403
    assert answer.problem()["reason"] == "source_address"


def test_forwarded_for_does_not_move_the_source(stack):
    key = stack.admin.issue("alice", "allow_from=192.0.2.1")
    headers = [("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1")]
    assert stack.fetch(key=key, headers=headers).status == 403


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_key_as_bearer_and_as_basic_password(stack):
    key = stack.keys["alice"]
    for value in [f"Bearer {key}", f"bearer {key}", basic("alice", key), basic("", key)]:
        assert stack.fetch(headers=[("Authorization", value)]).status == 200, value.split()[0]


def test_case_78_two_kinds_of_header_at_once_are_refused(stack):
    key = stack.keys["alice"]
    answer = stack.fetch(key=key, headers=[("Authorization", f"Bearer {key}")])
    assert answer.status == 400


@pytest.fixture(scope="module")
def shop_key(stack):
    """Of a user who may do everything, on one host only."""
    stack.admin("role", "set", "shop")
    stack.admin("role", "rule", "add", "shop", "10", "allow * shop.example.com /**")
    stack.admin("user", "add", "erin", "roles=shop")
    return stack.admin.issue("erin")


@pytest.mark.parametrize(
    "host", ["shop.example.com", "SHOP.example.COM", "shop.example.com:8080", "shop.example.com."]
)
def test_one_host_in_its_spellings(stack, shop_key, host):
    assert stack.fetch(key=shop_key, host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "api.example.com",
        "shop.example.com.evil.com",
        "evil.com#shop.example.com",
        "evil.com,shop.example.com",
        "shop.example.com@evil.com",
        "shop.example.com:80:80",
        "shop.example.com:99999",
        "shop.example.com..",
        "",
        None,
    ],
)
def test_forged_host_never_gets_in(stack, shop_key, host):
    answer = stack.fetch(key=shop_key, host=host)
    assert answer.status in (400, 403), host
    if answer.rid:
        assert answer.rid not in stack.upstream.rids()


def test_two_hosts_never_get_in(stack, shop_key):
    answer = stack.fetch(key=shop_key, host="shop.example.com", headers=[("Host", "evil.com")])
    assert answer.status == 400


def test_host_other_than_the_target_never_gets_in(stack, shop_key):
    request = (
        f"GET http://evil.com/v1 HTTP/1.1\r\nHost: shop.example.com\r\nX-API-Key: {shop_key}\r\n\r\n"
    )
    assert raw_request(stack.address, request.encode()).status in (400, 403)


HEADER_BYTES = [100, 1000, 8000, 14 * 1024, 15 * 1024, 16 * 1024, 64 * 1024]


@pytest.mark.parametrize("size", HEADER_BYTES)
@pytest.mark.parametrize("name", ["X-API-Key", "Authorization"])
def test_long_credential_never_gets_in(stack, name, size):
    """Up to 15 KiB in all HAProxy takes the request; then it refuses it itself."""
    begin = time.monotonic()
    answer = stack.fetch(headers=[(name, "Bearer " + "a" * size)])
    assert answer.status in ((401,) if size <= 14 * 1024 else (400, 401, 431, 503))
    assert time.monotonic() - begin < 2.0
    assert stack.fetch(user="alice").status == 200


@pytest.mark.parametrize("size", HEADER_BYTES[:4])
def test_long_header_of_another_name_does_not_matter(stack, size):
    assert stack.fetch(user="alice", headers=[("Cookie", "a" * size)]).status == 200


def test_long_path_is_judged_as_any_other(stack):
    long = "/v1/orders/" + "a" * 6000
    answer = stack.fetch(long, user="alice")
    assert answer.status == 200
    assert stack.audit_of(answer.rid)["path"].startswith("/v1/orders/aaa")
    assert stack.fetch("/v2/orders/" + "a" * 6000, user="alice").status == 403


def test_interleaved_verdicts_of_one_http2_connection(stack):
    cases = [
        ("/v1/orders/7", stack.keys["alice"], 200),
        ("/v1/orders/7", None, 401),
        ("/admin", stack.keys["alice"], 403),
        ("/v1/orders/8", stack.keys["bob"], 200),
        ("/v1//orders", stack.keys["bob"], 400),
        ("/v1/orders/9", stack.keys["bob"][:-1], 401),
    ] * 8
    connection = h2.Connection(stack.haproxy.h2_address)
    rids = {}
    for _ in range(5):
        answers = connection.exchange([(path, key) for path, key, _ in cases])
        assert [answer[":status"] for answer in answers] == [status for _, _, status in cases]
        for (path, key, _), answer in zip(cases, answers):
            rids[answer["x-request-id"]] = (path, key)
    connection.close()
    assert len(rids) == 5 * len(cases)
    wait_until(lambda: rids.keys() <= {one.get("rid") for one in stack.audit()}, "their audit records")
    for record in stack.audit():
        if record.get("rid") in rids and record["verdict"] == "allow":
            path, key = rids[record["rid"]]
            assert record["path"] == path
            assert record["credential"] == f"key:{key_id(key)}"


HOSTILE = [b'"', b"\\", b"</script>", b"\x7f", b"\xff\xfe", b"\t", "a\u2028b".encode()]


@pytest.mark.parametrize("raw", HOSTILE, ids=map(ascii, HOSTILE))
def test_audit_line_is_valid_json_whatever_the_client_sent(stack, raw):
    answer = raw_request(
        stack.address,
        b"GET /v1/orders/7 HTTP/1.1\r\nHost: a" + raw + b"\r\nX-API-Key: " + raw + b"\r\n\r\n",
    )
    assert answer.status in (400, 401, 403)
    if answer.rid:
        stack.audit_of(answer.rid)
    assert fetch(stack.address).status == 401
