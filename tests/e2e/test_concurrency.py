"""haproxy-examples/concurrency: what a user has in flight is counted, and its share is kept."""

import socket

import pytest

from harness import h2
from harness.http import Client
from harness.wait import wait_until

VENDOR_SHARE, SHARE = 4, 16
AT_ONCE = 24


@pytest.fixture
def stack(start_stack):
    own = start_stack(example="concurrency", is_patient=True)
    own.admin("role", "set", "vendor")
    own.admin("role", "rule", "add", "vendor", "10", "allow * * /v1/**")
    for user in ("acme", "other"):
        own.admin("user", "add", user, "roles=vendor")
        own.keys[user] = own.admin.issue(user)
    return own


def at_once(stack, user, count=AT_ONCE, **options):
    """The statuses of so many requests, of which none is answered before all have been judged."""
    stack.upstream.hold()
    before = len(stack.upstream.received)
    asked = [stack.fetch_aside("/v1/orders/7", user=user, **options) for _ in range(count)]

    def is_settled():
        refused = sum(future.done() for future in asked)
        return refused + len(stack.upstream.received) - before == count

    wait_until(is_settled, "every request served or refused")
    stack.upstream.release()
    return [future.result(10.0) for future in asked]


def in_flight(stack):
    """{user: conn_cur}, of HAProxy's table."""
    lines = [line for line in stack.haproxy.command("show table users").splitlines() if "key=" in line]
    return {
        line.partition("key=")[2].split()[0]: int(line.partition("conn_cur=")[2].split()[0])
        for line in lines
    }


def wait_until_idle(stack):
    wait_until(lambda: not any(in_flight(stack).values()), "nothing in flight")


@pytest.mark.parametrize("user, share", [("acme", VENDOR_SHARE), ("alice", SHARE)])
def test_share_is_kept(stack, user, share):
    for _ in range(2):
        answers = at_once(stack, user)
        statuses = sorted(answer.status for answer in answers)
        assert statuses == [200] * share + [429] * (AT_ONCE - share)
        refused = next(answer for answer in answers if answer.status == 429)
        assert refused.problem()["violated-policies"] == ["concurrency"]
        assert refused.header("Retry-After") == "1"
        wait_until_idle(stack)


def test_requests_one_after_the_other_are_not_refused(stack):
    client = Client(stack.address)
    for _ in range(3 * VENDOR_SHARE):
        assert client.request("/v1/a", key=stack.keys["acme"]).status == 200
    # The idle connection counts nothing.
    wait_until_idle(stack)


def test_other_users_have_shares_of_their_own(stack):
    stack.upstream.hold()
    for user in ("acme", "other"):
        for _ in range(VENDOR_SHARE):
            stack.fetch_aside("/v1/a", user=user)
    wanted = {"acme": VENDOR_SHARE, "other": VENDOR_SHARE}
    wait_until(lambda: in_flight(stack) == wanted, "both shares full")
    assert stack.fetch("/v1/a", user="acme").status == 429
    stack.upstream.release()
    wait_until_idle(stack)


def test_another_key_of_the_user_has_no_other_share(stack):
    other = stack.admin.issue("acme")
    stack.upstream.hold()
    for _ in range(VENDOR_SHARE):
        stack.fetch_aside("/v1/a", user="acme")
    wait_until(lambda: in_flight(stack).get("acme") == VENDOR_SHARE, "the share to be full")
    assert stack.fetch("/v1/a", key=other).status == 429
    stack.upstream.release()


def test_streams_of_one_http2_connection_are_counted(stack):
    stack.upstream.hold()
    connection = h2.Connection(stack.haproxy.h2_address)
    count = VENDOR_SHARE + 3
    streams = connection.ask([("/v1/a", stack.keys["acme"])] * count)
    wait_until(lambda: len(stack.upstream.received) == VENDOR_SHARE, "the share to be full")
    wait_until(lambda: in_flight(stack) == {"acme": VENDOR_SHARE}, "the rest to be refused")
    stack.upstream.release()
    statuses = sorted(answer[":status"] for answer in connection.answers(streams))
    assert statuses == [200] * VENDOR_SHARE + [429] * 3
    connection.close()


def test_client_that_gives_up_frees_its_place(stack):
    stack.upstream.hold()
    head = f"GET /v1/a HTTP/1.1\r\nHost: a\r\nX-API-Key: {stack.keys['acme']}\r\n\r\n"
    waiting = []
    for _ in range(VENDOR_SHARE):
        waiting.append(socket.create_connection(stack.address, timeout=10))
        waiting[-1].sendall(head.encode())
    wait_until(lambda: in_flight(stack).get("acme") == VENDOR_SHARE, "the share to be full")
    assert stack.fetch("/v1/a", user="acme").status == 429
    stack.upstream.release()
    for sock in waiting:
        sock.close()
    wait_until_idle(stack)
    assert stack.fetch("/v1/a", user="acme").status == 200


def test_denied_requests_count_nothing(stack):
    for _ in range(2 * VENDOR_SHARE):
        assert stack.fetch("/admin", user="acme").status == 403
        assert stack.fetch("/v1/a").status == 401
    assert in_flight(stack).get("acme", 0) == 0
