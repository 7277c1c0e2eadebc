"""haproxy-examples/observe with the real agent: everything goes on, the audit says the truth."""

import pytest

from harness.wait import wait_until

pytestmark = pytest.mark.sanitized


def test_observing_records_and_never_blocks(start_stack):
    stack = start_stack(example="observe", agents=1, is_patient=True)
    cases = [
        ({"user": "alice"}, "/v1/orders/7", "allow", None),
        ({"user": "alice"}, "/admin", "deny", "no_rule"),
        ({}, "/v1/orders/7", "deny", "no_credential"),
        ({}, "/v1//orders", "deny", "ambiguous_path"),
        ({"key": "rv_nonsense"}, "/", "deny", "bad_credential"),
    ]
    for options, path, would_be, reason in cases:
        answer = stack.fetch(path, **options)
        assert answer.status == 200
        record = stack.audit_of(last_rid(stack))
        assert record["verdict"] == "allow"
        if would_be == "deny":
            assert record["shadow"].startswith(f"deny:{reason}")
        else:
            assert not record.get("shadow")


def test_observing_throttles_nobody(start_stack):
    stack = start_stack(example="observe", agents=1, is_patient=True)
    stack.admin("limit", "set", "one", "quota=1", "per=month")
    stack.admin("role", "set", "reader", "limits=one")
    shadows = []
    for _ in range(3):
        answer = stack.fetch(user="alice")
        assert answer.status == 200
        assert answer.header("RateLimit") is None
        record = stack.audit_of(last_rid(stack))
        assert record["verdict"] == "allow"
        shadows.append(record.get("shadow"))
    assert shadows == [None] + ["throttle:quota:reader/10"] * 2
    wait_until(lambda: " limit=one " in stack.haproxy.log(), "the log line")


def last_rid(stack):
    """Of the newest line of HAProxy's log; this example sends no header."""
    count = len(stack.upstream.received)
    lines = wait_until(lambda: logged(stack, count), "the log line")
    return lines[-1].partition(" rid=")[2].split()[0]


def logged(stack, count):
    lines = [line for line in stack.haproxy.log().splitlines() if "<BADREQ>" not in line]
    return lines if len(lines) >= count else None


def test_observing_goes_on_without_agent_and_store(start_stack):
    stack = start_stack(example="observe", agents=1, is_patient=True)
    stack.redis.kill()
    assert stack.fetch(user="alice").status == 200
    stack.agents[0].freeze()
    assert stack.fetch(user="alice").status == 200
    stack.agents[0].kill()
    assert stack.fetch(user="alice").status == 200
