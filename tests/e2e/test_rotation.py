"""A key's secret is replaced under traffic: nobody with a good secret is refused, the old one ends when
its overlap does, and the audit tells the two apart all the way."""

import threading
import time

import pytest

from harness.apikey import key_id
from harness.http import Client
from harness.wait import wait_until

OVERLAP_S = 3


class Caller(threading.Thread):
    """Asks with one key until it is stopped: `answers` has (begin, end, status, rid) in wall time."""

    def __init__(self, address, key):
        super().__init__(daemon=True)
        self.client, self.key = Client(address), key
        self.answers, self.is_stopping = [], False

    def run(self):
        while not self.is_stopping:
            begin = time.time()
            answer = self.client.request("/v1/orders/7", key=self.key)
            self.answers.append((begin, time.time(), answer.status, answer.rid))
        self.client.close()

    def stop(self):
        self.is_stopping = True
        self.join(30)
        assert not self.is_alive(), "a client hangs"

    def during(self, begin, end):
        """{(status, rid)} of what was asked and answered between."""
        return {(s, rid) for b, e, s, rid in self.answers if b >= begin and e < end}


@pytest.fixture
def start_caller(start_stack):
    callers = []

    def start(stack, key):
        callers.append(Caller(stack.address, key))
        callers[-1].start()
        return callers[-1]

    yield start
    for caller in callers:
        caller.stop()


def credentials(stack, asked):
    """What the audit calls the credential of these requests."""
    rids = {rid for _, rid in asked}

    def find():
        found = {r["rid"]: r["credential"] for r in stack.audit() if r.get("rid") in rids}
        return found if found.keys() == rids else None

    return set(wait_until(find, "the audit records").values())


def statuses(asked):
    return {status for status, _ in asked}


def test_a_whole_rotation_under_traffic(start_stack, start_caller):
    stack = start_stack(is_patient=True)
    old, first = stack.keys["alice"], f"key:{key_id(stack.keys['alice'])}"
    wait_until(lambda: len(stack.admin("agent", "list").splitlines()) == 3, "both agents to be present")
    with_old = start_caller(stack, old)
    began = time.time()
    time.sleep(0.5)

    before = time.time()
    new = stack.admin("--wait=20", "key", "rotate", key_id(old), f"overlap={OVERLAP_S}s")
    after = time.time()
    until = int(stack.redis.command("HGET", f"reeve:key:{key_id(old)}", "hash2_until"))
    assert key_id(new) == key_id(old) and after < until <= after + OVERLAP_S
    with_new = start_caller(stack, new)
    wait_until(lambda: time.time() > until + 1, "the overlap to be over", OVERLAP_S + 10)
    for caller in (with_old, with_new):
        caller.stop()
    end = time.time()

    for caller, begin, stop, wanted, credential in [
        (with_old, began, before, 200, first),
        (with_old, after, until, 200, f"{first}#2"),
        (with_new, after, until, 200, first),
        (with_new, until, end, 200, first),
    ]:
        asked = caller.during(begin, stop)
        assert len(asked) > 20 and statuses(asked) == {wanted}
        assert credentials(stack, asked) == {credential}
    assert statuses(with_old.during(began, until)) == {200}
    refused = with_old.during(until, end)
    assert len(refused) > 20 and statuses(refused) == {401}
    assert {status for _, _, status, _ in with_new.answers} == {200}
    rid = next(rid for _, rid in refused)
    assert stack.audit_of(rid)["reason"] == "bad_credential"


def test_ended_by_hand_and_without_overlap(start_stack):
    stack = start_stack(is_patient=True)
    first = stack.keys["alice"]

    def answers(*keys):
        return [{stack.fetch(key=key).status for _ in range(6)} for key in keys]

    def rotate(*words):
        return stack.admin("--wait=20", "key", "rotate", *words)

    assert answers(first) == [{200}]
    second = rotate(key_id(first), "overlap=1h")
    assert answers(first, second) == [{200}, {200}]
    third = rotate("--drop-new", key_id(first))
    assert answers(first, second, third) == [{200}, {401}, {200}]
    fourth = rotate("--drop-old", key_id(first), "overlap=1h")
    assert answers(first, third, fourth) == [{401}, {200}, {200}]
    rotate("end", key_id(first))
    assert answers(third, fourth) == [{401}, {200}]
    fifth = rotate(key_id(first), "overlap=0")
    assert answers(fourth, fifth) == [{401}, {200}]
