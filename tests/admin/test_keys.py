"""key issue, show, list, disable, enable, delete."""

import hashlib
import time

import pytest

from support import key_id


@pytest.fixture
def alice(redis):
    redis("HSET", "reeve:user:{alice}", "state", "active", "roles", "reader,writer")


def test_issue_prints_the_key_alone_and_stores_its_hash(admin, redis, alice):
    before = int(time.time())
    key = admin("key", "issue", "alice", "expires=30d", "label=ci")
    after = int(time.time())
    assert key.endswith("\n") and key.count("\n") == 1
    key = key.strip()
    record = redis.hash(f"reeve:key:{key_id(key)}")
    assert before <= int(record["created"]) <= after
    assert int(record.pop("expires")) == int(record.pop("created")) + 30 * 86400
    assert record == {
        "user": "alice",
        "hash": f"sha256:{hashlib.sha256(key.encode()).hexdigest()}",
        "state": "active",
        "last4": key[-4:],
        "label": "ci",
    }


def test_the_stored_key_is_a_good_record(admin, redis, alice):
    words = ["roles=reader", "allow_from=10.0.0.0/8,::1", "not_before=0s", "expires=12h"]
    key = admin("key", "issue", "alice", *words, "label=é").strip()
    fields = redis.hash(f"reeve:key:{key_id(key)}")
    assert fields["roles"] == "reader" and fields["allow_from"] == "10.0.0.0/8,::1"
    assert fields["not_before"] == fields["created"] and fields["label"] == "é"
    assert admin("record", "check", "key", *(f"{k}={v}" for k, v in fields.items())) == "good\n"


def test_issue_warns_of_roles_that_the_user_has_not(admin, alice):
    assert admin.warns("key", "issue", "alice", "roles=reader,admin") == [
        "key of alice: roles: 'admin' is not a role of the user"
    ]


def test_two_keys_differ(admin, alice):
    keys = {admin("key", "issue", "alice") for _ in range(3)}
    assert len(keys) == 3


def test_show_prints_no_hash_in_full(admin, redis, alice):
    key = admin("key", "issue", "alice", "label=ci").strip()
    stored = redis.hash(f"reeve:key:{key_id(key)}")["hash"]
    shown = admin("key", "show", key_id(key))
    assert f"hash     sha256:...{stored[-8:]}\n" in shown
    assert stored[7:-8] not in shown
    assert "label    ci" in shown


def test_show_keeps_the_peppers_id_and_hides_what_is_no_hash(admin, redis):
    redis("HSET", "reeve:key:0123456789", "hash", "hmac-sha256:p1:" + "ab" * 32)
    redis("HSET", "reeve:key:0123456789", "hash2", "rv_secret")
    shown = admin("key", "show", "0123456789")
    assert "hmac-sha256:p1:...abababab" in shown
    assert "(malformed)" in shown and "rv_secret" not in shown


def test_disable_enable_delete(admin, redis, alice):
    keyid = key_id(admin("key", "issue", "alice"))
    admin("key", "revoke", keyid)
    assert redis.hash(f"reeve:key:{keyid}")["state"] == "disabled"
    admin("key", "enable", keyid)
    assert redis.hash(f"reeve:key:{keyid}")["state"] == "active"
    admin("key", "delete", keyid)
    assert list(redis.records()) == [b"reeve:user:{alice}"]


def test_list_all_or_a_users(admin, redis, alice):
    redis("HSET", "reeve:user:{al}", "state", "active")
    mine = [key_id(admin("key", "issue", "alice", f"label=l{number}")) for number in range(2)]
    other = key_id(admin("key", "issue", "al", "expires=2030-01-01"))
    redis("HSET", "reeve:key:bad", "user", "alice")

    rows = [line.split() for line in admin("key", "list").splitlines()]
    assert rows[0] == ["KEYID", "STATE", "USER", "EXPIRES", "LAST4", "ROLES", "LABEL"]
    assert {row[0] for row in rows[1:]} == {*mine, other, "bad"}
    of = {row[0]: row for row in rows}
    assert of[other][1:4] == ["active", "al", "2030-01-01T00:00:00Z"]
    assert of["bad"][1:3] == ["bad_record", "alice"]

    rows = [line.split()[0] for line in admin("key", "list", "alice").splitlines()[1:]]
    assert set(rows) == {*mine, "bad"}
    assert len(admin("key", "list", "nobody").splitlines()) == 1


def test_a_whole_key_is_refused_and_not_repeated(admin, alice):
    key = admin("key", "issue", "alice").strip()
    for verb in ("show", "revoke", "disable", "enable", "delete"):
        assert key_id(key) not in admin.refuses("key", verb, key, status=2)
