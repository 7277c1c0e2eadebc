"""Limits through real HAProxy and Redis: what is admitted, what the caller is told, what is recorded.

Quotas are per month, so that hardly a run crosses the end of a window. One agent, so that counts are
exact request by request; test_limits_fleet.py has several.
"""

import itertools
import re

import pytest

from harness.haproxy import EXAMPLES
from harness.stack import Stack
from harness.wait import wait_until

pytestmark = pytest.mark.sanitized

QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("limits"), example="limits", agents=1, is_patient=True)
    try:
        yield stack.start()
    finally:
        stack.stop()


numbers = itertools.count(1)


class Case:
    """Names of its own in the shared stack, so that nothing is remembered from another test."""

    def __init__(self, stack):
        self.stack = stack
        self.admin = stack.admin
        self.number = next(numbers)

    def name(self, base):
        return f"{base}{self.number}"

    def limit(self, base, *fields):
        self.admin("limit", "set", self.name(base), *fields)
        return self.name(base)

    def role(self, base, *fields, rule="allow * * /v1/**"):
        self.admin("role", "set", self.name(base), *fields)
        self.admin("role", "rule", "set", self.name(base), "10", rule)
        return self.name(base)

    def user(self, base, *fields):
        """The user's name; its key is in the stack's keys."""
        name = self.name(base)
        self.admin("user", "add", name, *fields)
        self.stack.keys[name] = self.admin.issue(name)
        return name

    def limited(self, *limit_fields, **options):
        """A user with one role with one limit: (user, limit)."""
        limit = self.limit("limit", *limit_fields)
        role = self.role("role", f"limits={limit}", **options)
        return self.user("user", f"roles={role}"), limit

    def statuses(self, count, user, path="/v1/a", **options):
        return [self.stack.fetch(path, user=user, **options).status for _ in range(count)]

    def admits(self, count, user, **options):
        """So many requests, and then no more."""
        statuses = self.statuses(count + 3, user, **options)
        assert statuses == [200] * count + [429] * 3, statuses

    def wait_for_use(self, limit, units, *subject):
        """Until the agent has given back what it leased and did not spend."""
        wait_until(lambda: self.admin.usage(*subject).get(limit) == units, f"{units} used", 5.0)


@pytest.fixture
def case(shared):
    return Case(shared)


def left(answer, limit):
    """r of this limit in RateLimit."""
    found = re.search(rf'"{limit}";r=(\d+);t=(\d+)(,|$)', answer.header("RateLimit"))
    assert found, answer.header("RateLimit")
    return int(found[1])


def test_quota_of_ten_is_ten(case):
    user, limit = case.limited("quota=10", "per=month")
    for number in range(10):
        answer = case.stack.fetch("/v1/a", user=user)
        assert answer.status == 200, number
        assert 0 <= left(answer, limit) <= 9 - number
        assert answer.header("Retry-After") is None
    policy = answer.header("RateLimit-Policy")
    assert re.fullmatch(rf'"{limit}";q=10;w=\d+', policy), policy
    assert 28 * 86400 <= int(policy.rpartition("=")[2]) <= 31 * 86400
    served = len(case.stack.upstream.received)
    for _ in range(10):
        answer = case.stack.fetch("/v1/a", user=user)
        assert answer.status == 429
        problem = answer.problem()
        assert problem["type"] == QUOTA_EXCEEDED
        assert problem["reason"] == "quota"
        assert problem["violated-policies"] == [limit]
        assert left(answer, limit) == 0
        assert answer.header("RateLimit-Policy") == policy
        # Never earlier than units come back, which is what t says.
        wait = int(answer.header("RateLimit").rpartition("t=")[2])
        assert int(answer.header("Retry-After")) >= wait > 0
    assert len(case.stack.upstream.received) == served
    assert case.admin.usage(user) == {limit: 10}


def test_rate_throttles_and_recovers(case):
    user, limit = case.limited("rate=2/s", "burst=4")
    statuses = case.statuses(10, user)
    assert statuses[:4] == [200] * 4
    assert 429 in statuses
    answer = wait_until(lambda: throttled(case, user), "a throttled request")
    assert answer.problem()["reason"] == "rate"
    assert 1 <= int(answer.header("Retry-After")) <= 3
    wait_until(lambda: case.stack.fetch("/v1/a", user=user).status == 200, "units to come back", 5.0)


def throttled(case, user):
    answer = case.stack.fetch("/v1/a", user=user)
    return answer if answer.status == 429 else None


# (scope, whether the second of: another key of the user, another user of the team, another source,
# shares the units)
SCOPES = {
    "key": (False, False, True),
    "user": (True, False, True),
    "team": (True, True, True),
    "role": (True, True, True),
    "source": (True, True, False),
    "global": (True, True, True),
}


@pytest.mark.parametrize("scope", SCOPES)
def test_scope_says_who_shares(case, scope):
    limit = case.limit("limit", "quota=1", "per=month", f"scope={scope}")
    role = case.role("role", f"limits={limit}")
    team = case.name("team")
    case.admin("team", "set", team)
    first = case.user("a", f"roles={role}", f"team={team}")
    second = case.user("b", f"roles={role}", f"team={team}")
    other_key = case.admin.issue(first)
    fetch = case.stack.fetch
    source = f"127.1.{case.number}.1"
    assert fetch("/v1/a", user=first, source=source).status == 200
    shared = (
        fetch("/v1/a", key=other_key, source=source).status == 429,
        fetch("/v1/a", user=second, source=source).status == 429,
        fetch("/v1/a", user=first, source=f"127.1.{case.number}.2").status == 429,
    )
    assert shared == SCOPES[scope]


def test_role_scope_counts_each_role_apart(case):
    limit = case.limit("limit", "quota=1", "per=month", "scope=role")
    users = []
    for base in ("x", "y"):
        role = case.role(base, f"limits={limit}")
        users.append(case.user(f"of-{base}", f"roles={role}"))
    assert case.statuses(2, users[0]) == [200, 429]
    assert case.statuses(2, users[1]) == [200, 429]
    subject = f"role:{case.name('x')}"
    assert case.admin.usage("show", "--subject", subject, limit) == {limit: 1}


def test_team_scope_without_a_team_is_denied(case):
    user, limit = case.limited("quota=10", "per=month", "scope=team")
    answer = case.stack.fetch("/v1/a", user=user)
    assert (answer.status, answer.problem()["reason"]) == (503, "bad_record")
    assert case.stack.audit_of(answer.rid)["limit"] == limit


def test_limit_that_does_not_exist_is_denied(case):
    user = case.user("user", f"roles={case.role('role', 'limits=nowhere')}")
    answer = case.stack.fetch("/v1/a", user=user)
    assert (answer.status, answer.problem()["reason"]) == (503, "bad_record")
    assert case.stack.audit_of(answer.rid)["limit"] == "nowhere"


def test_anonymous_is_counted_by_source(case):
    limit = case.limit("limit", "quota=2", "per=month", "scope=source")
    case.admin("role", "set", "guest", f"limits={limit}")
    case.admin("role", "rule", "set", "guest", "10", "allow GET * /open/**")
    source = f"127.2.{case.number}.1"

    def statuses(count):
        return [case.stack.fetch("/open/a", source=source).status for _ in range(count)]

    wait_until(lambda: case.stack.fetch("/open/a").status == 200, "the role", 5.0)
    assert statuses(4) == [200, 200, 429, 429]
    assert case.admin.usage("show", "--subject", f"source:{source}", limit) == {limit: 2}


def test_cost_is_what_a_request_takes(case):
    user, limit = case.limited("quota=10", "per=month", rule="allow * * /v1/** cost=4")
    assert case.statuses(4, user) == [200, 200, 429, 429]
    case.wait_for_use(limit, 8, user)


def test_what_is_too_dear_goes_and_what_is_cheaper_stays(case):
    user, limit = case.limited("quota=10", "per=month")
    role = case.name("role")
    case.admin("role", "rule", "set", role, "20", "allow GET * /v1/dear/** cost=7")
    case.admin("role", "rule", "set", role, "30", "allow GET * /v1/never/** cost=11")
    assert case.statuses(2, user, path="/v1/dear/x") == [200, 429]
    assert case.statuses(4, user) == [200, 200, 200, 429]
    answer = case.stack.fetch("/v1/never/x", user=user)
    assert (answer.status, answer.problem()["reason"]) == (403, "cost")
    assert case.stack.audit_of(answer.rid)["limit"] == limit


def test_rule_has_limits_of_its_own(case):
    limit = case.limit("limit", "quota=1", "per=month")
    role = case.role("role")
    case.admin("role", "rule", "set", role, "20", f"allow GET * /v1/report limit={limit}")
    user = case.user("user", f"roles={role}")
    assert case.statuses(2, user, path="/v1/report") == [200, 429]
    assert case.statuses(3, user) == [200, 200, 200]


def test_user_lifts_a_limit_of_its_role(case):
    limit = case.limit("limit", "quota=1", "per=month")
    larger = case.limit("larger", "quota=3", "per=month")
    role = case.role("role", f"limits={limit}")
    free = case.user("free", f"roles={role}", f"limits=!{limit}")
    replaced = case.user("replaced", f"roles={role}", f"limits=!{limit},{larger}")
    plain = case.user("plain", f"roles={role}")
    assert case.statuses(5, free) == [200] * 5
    assert case.stack.fetch("/v1/a", user=free).header("RateLimit") is None
    case.admits(3, replaced)
    case.admits(1, plain)


def test_all_limits_must_have_it_and_a_refusal_costs_nothing(case):
    small = case.limit("small", "quota=2", "per=month")
    large = case.limit("large", "quota=50", "per=month")
    role = case.role("role", f"limits={large},{small}")
    user = case.user("user", f"roles={role}")
    answer = case.stack.fetch("/v1/a", user=user)
    assert {left(answer, small) <= 1, left(answer, large) <= 49} == {True}
    assert case.statuses(6, user) == [200] + [429] * 5
    case.wait_for_use(large, 2, user)
    case.wait_for_use(small, 2, user)


def test_first_limit_refuses_while_the_others_are_remembered(case):
    """Each is looked up once for a user; what was not asked then is not told either."""
    first = case.limit("first", "rate=5/s", "burst=10")
    others = [case.limit(base, "quota=1000", "per=month") for base in ("second", "third")]
    role = case.role("role", f"limits={','.join([first, *others])}")
    user = case.user("user", f"roles={role}")
    answers = [case.stack.fetch("/v1/a", user=user) for _ in range(40)]
    assert {answer.status for answer in answers} == {200, 429}
    refused = next(answer for answer in answers if answer.status == 429)
    assert re.findall(r'"([^"]+)"', refused.header("RateLimit")) == [first]
    assert case.stack.audit_of(refused.rid)["limits"].count(":") == 2


def test_change_takes_effect_and_keeps_what_was_used(case):
    user, limit = case.limited("quota=3", "per=month")
    case.admits(3, user)
    case.admin("limit", "set", limit, "quota=5")
    wait_until(lambda: case.stack.fetch("/v1/a", user=user).status == 200, "the change", 5.0)
    assert case.statuses(3, user) == [200, 429, 429]
    case.admin("limit", "set", limit, "quota=4")
    wait_until(
        lambda: 'q=4;' in case.stack.fetch("/v1/a", user=user).header("RateLimit-Policy"), "less", 5.0
    )
    assert case.statuses(3, user) == [429] * 3
    assert case.admin.usage(user) == {limit: 5}


def test_rate_becomes_a_quota(case):
    user, limit = case.limited("rate=1/h", "burst=1")
    case.admits(1, user)
    case.admin("limit", "set", limit, "rate=", "burst=", "quota=2", "per=month")
    wait_until(lambda: case.stack.fetch("/v1/a", user=user).status == 200, "the change", 5.0)
    assert case.statuses(3, user) == [200, 429, 429]


@pytest.mark.parametrize(
    "fields", [("quota=2", "per=month"), ("rate=1/h", "burst=2")], ids=["quota", "rate"]
)
def test_reset_gives_all_of_it_again(case, fields):
    user, limit = case.limited(*fields)
    case.admits(2, user)
    assert case.admin.usage(user) == {limit: 2}
    case.admin("usage", "reset", user, limit)
    assert case.admin.usage(user) == {limit: 0}
    wait_until(lambda: case.stack.fetch("/v1/a", user=user).status == 200, "the reset", 5.0)
    assert case.statuses(3, user) == [200, 429, 429]


def test_limit_of_nothing_admits_nothing(case):
    user, _ = case.limited("quota=0", "per=month")
    assert case.statuses(2, user) == [403, 403]
    assert case.stack.fetch("/v1/a", user=user).problem()["reason"] == "cost"


def test_audit_says_which_limits_were_asked(case):
    quota = case.limit("quota", "quota=100", "per=month")
    rate = case.limit("rate", "rate=1/h", "burst=1")
    role = case.role("role", f"limits={quota},{rate}", rule="allow * * /v1/**")
    user = case.user("user", f"roles={role}")
    answer = case.stack.fetch("/v1/a", user=user)
    record = case.stack.audit_of(answer.rid)
    assert record["verdict"] == "allow"
    assert "limit" not in record
    entries = dict(entry.split(":", 1) for entry in record["limits"].split(","))
    assert set(entries) == {quota, rate}
    cost, remaining = entries[quota].split(":")
    assert (cost, int(remaining)) == ("1", left(answer, quota))
    # Exact: the grant's time on the store's clock, in microseconds.
    assert re.fullmatch(r"1:0@\d{16}", entries[rate])

    answer = case.stack.fetch("/v1/a", user=user)
    record = case.stack.audit_of(answer.rid)
    assert (record["verdict"], record["status"]) == ("throttle", 429)
    assert (record["reason"], record["limit"]) == ("rate", rate)


@pytest.mark.parametrize("where", ["limit", "role"])
def test_shadow_limit_is_only_reported(case, where):
    mode = "mode=shadow"
    shadow = case.limit("shadow", "quota=1", "per=month", *([mode] if where == "limit" else []))
    roles = [case.role("role", *([f"limits={shadow}"] if where == "limit" else []))]
    if where == "role":
        roles.append(case.role("other", f"limits={shadow}", mode))
    user = case.user("user", f"roles={','.join(roles)}")
    answers = [case.stack.fetch("/v1/a", user=user) for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert all(answer.header("RateLimit") is None for answer in answers)
    records = [case.stack.audit_of(answer.rid) for answer in answers]
    assert [record.get("shadow") for record in records] == [
        None,
        f"throttle:quota:{shadow}",
        f"throttle:quota:{shadow}",
    ]
    assert all(record["limits"].endswith("~") for record in records)
    assert all(record["verdict"] == "allow" for record in records)


def test_haproxy_logs_the_limit(case):
    user, limit = case.limited("quota=1", "per=month")
    case.admits(1, user)
    wait_until(lambda: f" limit={limit} " in case.stack.haproxy.log(), "the log line")


def test_shipped_setup_does_what_it_says(start_stack):
    stack = start_stack(example="limits", agents=1, is_patient=True)
    script = EXAMPLES / "limits" / "setup.sh"
    stack.admin.run(script)
    stack.admin.run(script)
    for user in ("shop", "acme-bot"):
        stack.keys[user] = stack.admin.issue(user)

    inside = [stack.fetch("/v1/orders/7", user="shop") for _ in range(60)]
    assert {answer.status for answer in inside} == {200}
    assert set(re.findall(r'"([^"]+)"', inside[0].header("RateLimit"))) == {"internal", "everyone"}

    vendor = [stack.fetch("/v1/orders/7", user="acme-bot") for _ in range(30)]
    # What a lease may hold back of the burst is a tenth at most.
    assert [answer.status for answer in vendor[:9]] == [200] * 9
    refused = next(answer for answer in vendor if answer.status == 429)
    assert refused.problem()["violated-policies"] == ["vendor-rate"]

    open_to_all = [stack.fetch("/v1/catalogue/7", source="127.4.0.1") for _ in range(40)]
    assert [answer.status for answer in open_to_all[:18]] == [200] * 18
    refused = next(answer for answer in open_to_all if answer.status == 429)
    assert refused.problem()["violated-policies"] == ["guest-source"]
    assert stack.fetch("/v1/catalogue/7", source="127.4.0.2").status == 200
    assert stack.fetch("/v1/orders/7").status == 401

    assert set(stack.admin.usage("acme-bot")) == {
        "vendor-rate",
        "vendor-daily",
        "vendor-reports",
        "everyone",
    }


def test_priority_orders_who_waits_for_the_application(start_stack):
    stack = start_stack(example="limits", agents=1, is_patient=True)
    stack.admin.run(EXAMPLES / "limits" / "setup.sh")
    for user in ("shop", "acme-bot"):
        stack.keys[user] = stack.admin.issue(user)
        assert stack.fetch("/v1/orders/7", user=user).status == 200
    stack.haproxy.command("set maxconn server app/app1 1")
    stack.upstream.hold()
    stack.upstream.received.clear()
    threads = []
    for waiting, (path, user) in enumerate(
        [("/v1/orders/first", "acme-bot"), ("/v1/orders/vendor", "acme-bot"), ("/v1/shop", "shop")]
    ):
        threads.append(stack.fetch_aside(path, user=user))
        wait_until(
            lambda waiting=waiting: len(stack.upstream.received) == 1
            and int(stack.haproxy.server("BACKEND", "app")["qcur"]) == waiting,
            f"{waiting} in the queue",
        )
    stack.upstream.release()
    assert [thread.result(10.0).status for thread in threads] == [200] * 3
    assert [request.target for request in stack.upstream.received] == [
        "/v1/orders/first",
        "/v1/shop",
        "/v1/orders/vendor",
    ]
