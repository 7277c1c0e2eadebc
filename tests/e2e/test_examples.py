"""The shipped HAProxy configurations, against agents that answer well, badly, or not at all."""

import pytest

from harness import spop
from harness.fakeagent import ALLOW, verdict
from harness.haproxy import EXAMPLES, Haproxy
from harness.http import Client, fetch
from harness.net import free_address
from harness.wait import wait_until

FOLDERS = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
FILES = {"README.md", "haproxy.cfg", "reeve.conf", "spoe-reeve.conf"}


@pytest.fixture
def front(start_front):
    return start_front("api-keys")


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_is_complete(folder):
    assert FILES <= {path.name for path in (EXAMPLES / folder).iterdir()}


@pytest.mark.parametrize("folder", FOLDERS)
def test_configuration_is_valid_without_a_warning(folder, tmp_path):
    nobody = free_address()
    code, said = Haproxy(folder, tmp_path, nobody, [nobody]).check()
    assert code == 0
    assert "warning" not in said.lower(), said


@pytest.mark.parametrize("folder", FOLDERS)
def test_agents_come_last_in_the_file(folder):
    text = (EXAMPLES / folder / "haproxy.cfg").read_text()
    sections = [line for line in text.splitlines() if line.startswith(("frontend", "backend"))]
    assert sections[-1] == "backend reeve-agents"


NOT_AN_ALLOW = {
    "no_actions": b"",
    "verdict_of_another_case": verdict("Allow", 200, "ok", path="/v1/orders"),
    "verdict_with_a_blank": verdict("allow ", 200, "ok", path="/v1/orders"),
    "empty_verdict": verdict("", 200, "ok", path="/v1/orders"),
    "verdict_as_number": spop.set_variables([("verdict", 1), ("path", "/v1/orders")]),
    "verdict_as_null": spop.set_variables([("verdict", None), ("path", "/v1/orders")]),
    "status_only": spop.set_variables([("status", 200), ("path", "/v1/orders")]),
    "deny_with_status_200": verdict("deny", 200, "ok", path="/v1/orders"),
    "deny_without_status": spop.set_variables([("verdict", "deny")]),
    "allow_without_path": verdict("allow", 200, "ok"),
    "allow_in_session_scope": spop.set_variables(
        [("verdict", "allow"), ("path", "/v1/orders")], spop.SCOPE_SESSION
    ),
    "cut_in_the_verdict": ALLOW[:13],
    "reserved_type": b"\x01\x03\x02\x07verdict\x0f",
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_opens_only_on_an_allow(start_front, folder):
    """Each folder that enforces, in short; api-keys stands for them all in the tests below."""
    front = start_front(folder)
    assert fetch(front.address).status == 200
    wanted = 200 if folder == "observe" else 503
    for payload in [verdict("Allow", 200, "ok", user="a", path="/"), b"", None]:
        front.agent.payload = payload
        assert fetch(front.address).status == wanted
    front.agent.stop()
    assert fetch(front.address).status == wanted


@pytest.mark.parametrize("payload", NOT_AN_ALLOW.values(), ids=NOT_AN_ALLOW.keys())
def test_anything_but_an_explicit_allow_is_503(front, payload):
    front.agent.payload = payload
    answer = fetch(front.address)
    assert answer.status == 503
    assert answer.problem()["reason"]
    assert front.upstream.received == []


def test_silent_agent_is_503(front):
    front.agent.payload = None
    answer = fetch(front.address)
    assert answer.status == 503
    assert answer.problem()["reason"] == "unavailable"
    assert answer.header("Retry-After") == "1"
    assert front.upstream.received == []


def test_absent_agent_is_503(front):
    front.agent.stop()
    assert fetch(front.address).status == 503
    assert front.upstream.received == []


def test_allow_does_not_outlive_its_request(front):
    """A later request of the same connection, with the agent silent."""
    client = Client(front.address)
    assert client.request().status == 200
    front.agent.payload = None
    assert client.request().status == 503
    assert len(front.upstream.received) == 1


QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
GUARDED = [folder for folder in FOLDERS if folder != "observe"]
REFUSALS = [
    ("bad_request", 400, verdict("deny", 400, "bad_request")),
    ("no_credential", 401, verdict("deny", 401, "no_credential", challenge='Bearer realm="x"')),
    ("rule_denied", 403, verdict("deny", 403, "rule_denied", user="alice", rule="r/1")),
    ("rate", 429, verdict("throttle", 429, "rate", retry_after=7, limit="burst")),
    ("store_down", 503, verdict("deny", 503, "store_down")),
]


@pytest.mark.parametrize("reason, status, payload", REFUSALS, ids=[row[0] for row in REFUSALS])
def test_refusal_is_a_problem_document(front, reason, status, payload):
    front.agent.payload = payload
    answer = fetch(front.address, key="rv_secret")
    assert answer.status == status
    assert answer.problem()["reason"] == reason
    wanted = {"type", "title", "status", "reason", "request_id"}
    if status == 429:
        wanted.add("violated-policies")
        assert answer.problem()["type"] == QUOTA_EXCEEDED
        assert answer.problem()["violated-policies"] == ["burst"]
    assert set(answer.problem()) == wanted
    assert answer.header("Cache-Control") == "no-store"
    assert front.upstream.received == []


def test_challenge_is_passed_on(front):
    front.agent.payload = verdict("deny", 401, "no_credential", challenge='Bearer realm="x"')
    assert fetch(front.address).header("WWW-Authenticate") == 'Bearer realm="x"'


def test_401_without_challenge_still_challenges(front):
    front.agent.payload = verdict("deny", 401, "no_credential")
    assert fetch(front.address).header("WWW-Authenticate") == "Bearer"


def test_throttle_says_when_to_come_back(front):
    front.agent.payload = verdict("throttle", 429, "rate", retry_after=7)
    assert fetch(front.address).header("Retry-After") == "7"


@pytest.mark.parametrize("folder", GUARDED)
@pytest.mark.parametrize(
    "verdict_of",
    [("allow", 200, "ok"), ("throttle", 429, "quota"), ("deny", 403, "cost"), ("deny", 503, "store_down")],
    ids=["allow", "throttle", "deny", "store_down"],
)
def test_limits_are_told_on_every_answer(start_front, folder, verdict_of):
    front = start_front(folder)
    limits = {"ratelimit": '"day";r=9;t=1', "ratelimit_policy": '"day";q=10;w=86400'}
    front.agent.payload = verdict(*verdict_of, path="/", user="alice", **limits)
    answer = fetch(front.address)
    assert answer.status == verdict_of[1]
    assert answer.header("RateLimit") == limits["ratelimit"]
    assert answer.header("RateLimit-Policy") == limits["ratelimit_policy"]


@pytest.mark.parametrize("folder", GUARDED)
def test_no_limit_is_told_where_none_applies(start_front, folder):
    answer = fetch(start_front(folder).address)
    assert answer.header("RateLimit") is None
    assert answer.header("RateLimit-Policy") is None


def test_judged_path_is_forwarded(front):
    front.agent.payload = verdict("allow", 200, "ok", path="/judged")
    fetch(front.address, path="/raw?a=1&b=%2F")
    assert front.upstream.received[0].target == "/judged?a=1&b=%2F"


def test_identity_is_set_and_never_taken_from_the_client(front):
    front.agent.payload = verdict("allow", 200, "ok", path="/", user="alice", roles="reader")
    forged = [
        ("X-Reeve-User", "root"),
        ("x-reeve-user", "root"),
        ("X-Reeve-Team", "root"),
        ("X-Reeve-Anything", "root"),
        ("X_Reeve_User", "root"),
        ("X-Request-ID", "forged"),
    ]
    answer = fetch(front.address, headers=forged)
    got = front.upstream.received[0]
    assert got.value("X-Reeve-User") == "alice"
    assert got.value("X-Reeve-Roles") == "reader"
    assert got.value("X-Request-ID") == answer.rid
    assert all("root" not in value and value != "forged" for _, value in got.headers)


OVERRIDES = [
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Forwarded-Uri",
]


def test_nothing_asks_the_upstream_for_another_request(front):
    fetch(front.address, headers=[(name, "/admin") for name in OVERRIDES])
    assert "/admin" not in [value for _, value in front.upstream.received[0].headers]


def test_credentials_stop_at_haproxy(front):
    fetch(front.address, key="rv_key", headers=[("Authorization", "Bearer rv_token")])
    assert not any("rv_" in value for _, value in front.upstream.received[0].headers)


@pytest.mark.parametrize(
    "headers",
    [
        [("X-API-Key", "a"), ("X-API-Key", "b")],
        [("Authorization", "a"), ("authorization", "a")],
        [("Connection", "close, X-Reeve-User")],
    ],
    ids=["two_keys", "two_authorizations", "identity_as_hop_by_hop"],
)
def test_what_two_readers_could_read_differently_is_refused_unasked(front, headers):
    answer = fetch(front.address, headers=headers)
    assert answer.status == 400
    assert answer.problem()["reason"] == "bad_request"
    assert front.agent.arguments == []
    assert front.upstream.received == []


def test_contract_arguments_arrive_as_agreed(front):
    fetch(
        front.address,
        path="/v1/%2e%2e/x;y//z?secret=1",
        host="API.example.com:8080",
        key="a,b",
        headers=[("Authorization", "Basic a,b")],
    )
    got = front.agent.arguments[0]
    rid = front.upstream.received[0].value("X-Request-ID")
    wanted = {
        "v": 1,
        "rid": rid,
        "fe": "api",
        "tls": False,
        "method": "GET",
        "path": "/v1/%2e%2e/x;y//z",
        "host": "API.example.com:8080",
        "host_n": 1,
        "authz": "Basic a,b",
        "authz_n": 1,
        "apikey": "a,b",
        "apikey_n": 1,
    }
    assert {name: got[name] for name in wanted} == wanted
    assert str(got["src"]).startswith("127.")
    assert [name for name in got if name.startswith("c_")] == [
        "c_used",
        "c_verify",
        "c_sha256",
        "c_dn",
        "c_idn",
    ]


def test_observing_goes_on_whatever_the_verdict(start_front):
    front = start_front("observe")
    for payload in [ALLOW, verdict("deny", 403, "rule_denied"), b"", None]:
        front.agent.payload = payload
        assert fetch(front.address).status == 200
    front.agent.stop()
    assert fetch(front.address).status == 200
    assert len(front.upstream.received) == 5


def test_observing_logs_what_would_have_been(start_front):
    front = start_front("observe")
    front.agent.payload = verdict("allow", 200, "ok", shadow="deny:no_rule")
    fetch(front.address)
    wait_until(lambda: "shadow=deny:no_rule " in front.haproxy.log(), "the log line")
