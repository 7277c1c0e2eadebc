"""key rotate: a new secret beside the old one, for a while."""

import hashlib
import re
import time

import pytest

from support import BUILD, SHELLS, Admin, key_id

KEY = re.compile(r"rv_\w{10}_\w{32}_\w{6}\n")


def digest(key):
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


@pytest.fixture
def key(admin):
    admin("user", "add", "alice")
    return admin("key", "issue", "alice", "expires=2099-01-01", "label=ci").strip()


@pytest.fixture
def record(redis, key):
    return lambda: redis.hash(f"reeve:key:{key_id(key)}")


def rotate(admin, key, *words):
    options = [word for word in words if word.startswith("--")]
    printed = admin("key", "rotate", *options, key_id(key), *words[len(options) :])
    assert KEY.fullmatch(printed), printed
    return printed.strip()


def test_the_old_secret_counts_for_a_day_beside_the_new(admin, key, record):
    before, now = record(), int(time.time())
    new = admin("key", "rotate", key_id(key)).strip()
    assert key_id(new) == key_id(key) and new != key
    after = record()
    assert after.pop("hash") == digest(new)
    assert after.pop("hash2") == before.pop("hash") == digest(key)
    assert after.pop("last4") == new[-4:] and before.pop("last4") == key[-4:]
    assert abs(int(after.pop("hash2_until")) - now - 86400) < 10
    assert abs(int(after.pop("rotated")) - now) < 10
    assert after == before


def test_the_result_is_a_good_record(admin, key, record):
    rotate(admin, key, "overlap=1h")
    words = [f"{field}={value}" for field, value in record().items()]
    assert admin("record", "check", "key", *words) == "good\n"


@pytest.mark.parametrize("overlap", ["0", "0s"])
def test_without_overlap_the_old_secret_ends_at_once(admin, key, record, overlap):
    new = rotate(admin, key, f"overlap={overlap}")
    assert record()["hash"] == digest(new)
    assert not {"hash2", "hash2_until"} & record().keys()


def test_the_expiry_is_kept_set_or_taken_away(admin, key, record):
    kept = record()["expires"]
    rotate(admin, key, "overlap=0")
    assert record()["expires"] == kept
    rotate(admin, key, "overlap=0", "expires=2098-01-01")
    assert record()["expires"] == "4039372800"
    rotate(admin, key, "overlap=0", "expires=never")
    assert "expires" not in record()


def test_an_overlap_that_runs_is_not_cut_by_accident(admin, key, record):
    rotate(admin, key, "overlap=2099-01-01")
    before = record()
    for overlap in ("0", "1h"):
        fault = admin.refuses("key", "rotate", key_id(key), f"overlap={overlap}")
        assert fault == (
            f"key {key_id(key)}: two secrets count until 2099-01-01T00:00:00Z"
            " (key rotate end, --drop-old or --drop-new)"
        )
    assert record() == before


def test_drop_old_ends_the_oldest_of_three(admin, key, record):
    second = rotate(admin, key, "overlap=1h")
    third = rotate(admin, key, "--drop-old", "overlap=2h")
    assert (record()["hash"], record()["hash2"]) == (digest(third), digest(second))
    assert abs(int(record()["hash2_until"]) - time.time() - 7200) < 10


def test_drop_new_replaces_a_secret_that_was_lost(admin, key, record):
    rotate(admin, key, "overlap=1h")
    until = record()["hash2_until"]
    third = admin("key", "rotate", "--drop-new", key_id(key)).strip()
    assert (record()["hash"], record()["hash2"]) == (digest(third), digest(key))
    assert record()["hash2_until"] == until
    rotate(admin, key, "--drop-new", "overlap=2h")
    assert record()["hash2"] == digest(key)
    assert abs(int(record()["hash2_until"]) - time.time() - 7200) < 10


def test_drop_new_needs_an_overlap(admin, redis, key, record):
    before = record()
    fault = admin.refuses("key", "rotate", "--drop-new", key_id(key))
    assert fault == f"key {key_id(key)}: --drop-new: only one secret counts"
    assert record() == before


def test_an_overlap_that_is_over_is_none(admin, redis, key, record):
    rotate(admin, key, "overlap=1h")
    redis("HSET", f"reeve:key:{key_id(key)}", "hash2_until", str(int(time.time()) - 1))
    admin.refuses("key", "rotate", "--drop-new", key_id(key))
    second = record()["hash"]
    rotate(admin, key, "overlap=1h")
    assert record()["hash2"] == second


def test_end_ends_the_overlap(admin, key, record):
    before = record()
    new = rotate(admin, key, "overlap=1h")
    assert admin("key", "rotate", "end", key_id(key)) == ""
    after = record()
    assert after.pop("rotated")
    assert after == {**before, "hash": digest(new), "last4": new[-4:]}
    assert admin("key", "rotate", "end", key_id(key)) == ""


BAD = [
    (("overlap=",), 1, "overlap: empty"),
    (("overlap=never",), 1, "overlap: 'never' is not a time"),
    (("overlap=-1h",), 1, "overlap: '-1h' is not a time"),
    # Seconds, most likely; read as a date it would end the old secret at once.
    (("overlap=3600",), 1, "overlap: 1970-01-01T01:00:00Z is past"),
    (("overlap=2020-01-01",), 1, "overlap: 2020-01-01T00:00:00Z is past"),
    (("overlap=1h", "overlap=2h"), 1, "overlap: given twice"),
    (("expires=",), 1, "expires: empty"),
    (("expires=soon",), 1, "expires: 'soon' is not a time"),
    (("label=x",), 1, "label: no such field (there are: overlap expires)"),
    (("state=active",), 1, "state: no such field"),
    (("overlap",), 2, "'overlap' is not FIELD=VALUE"),
    (("overlap=1h", "expires=1d", "expires=2d"), 2, "key rotate: too many arguments"),
]


@pytest.mark.parametrize("words, status, says", BAD)
def test_refused_and_nothing_changed(admin, key, record, words, status, says):
    before = record()
    assert says in admin.refuses("key", "rotate", key_id(key), *words, status=status)
    assert record() == before


def test_no_key_no_keyid_no_good_record(admin, redis, key):
    assert admin.refuses("key", "rotate", "0123456789") == "key 0123456789: no such key"
    admin.refuses("key", "rotate", "0123456789x")
    admin.refuses("key", "rotate", status=2)
    assert "unknown option" in admin.refuses("key", "rotate", "--force", key_id(key), status=2)
    assert key_id(key) not in admin.refuses("key", "rotate", key, status=2)
    redis("HSET", f"reeve:key:{key_id(key)}", "allow_form", "10.0.0.0/8")
    before = redis.snapshot()
    assert "allow_form: no such field" in admin.refuses("key", "rotate", key_id(key))
    redis("DEL", f"reeve:key:{key_id(key)}")
    redis("SET", f"reeve:key:{key_id(key)}", "text")
    assert "holds a string" in admin.refuses("key", "rotate", key_id(key))
    assert len(before) == len(redis.snapshot())


def test_what_will_not_count_is_told(admin, key):
    assert admin.warns("key", "rotate", key_id(key), "overlap=0", "expires=2020-01-01") == [
        f"key {key_id(key)}: expires: 2020-01-01T00:00:00Z is past"
    ]
    admin("key", "revoke", key_id(key))
    assert admin.warns("key", "rotate", key_id(key), "overlap=0", "expires=never") == [
        f"key {key_id(key)}: state: disabled, so no secret counts"
    ]


@pytest.mark.parametrize("shell", [*SHELLS, "reevectl"])
def test_every_maker_keeps_the_id_and_uses_the_pepper(server, redis, key, pepper_file, shell):
    maker = str(BUILD / "reevectl") if shell == "reevectl" else ""
    admin = Admin(server.url, SHELLS.get(shell, ["dash"]), REEVE_REEVECTL=maker)
    admin.env["REEVE_PEPPER_FILE"] = str(pepper_file)
    new = rotate(admin, key, "overlap=1h")
    assert key_id(new) == key_id(key)
    stored = redis.hash(f"reeve:key:{key_id(key)}")
    assert stored["hash"].startswith("hmac-sha256:p2:") and stored["hash2"] == digest(key)


def test_a_maker_that_makes_another_key_changes_nothing(admin, key, record, tmp_path):
    other = tmp_path / "reevectl"
    other.write_text(f"#!/bin/sh\necho rv_0123456789_{'x' * 32}_000000\necho sha256:{'0' * 64}\n")
    other.chmod(0o755)
    before = record()
    admin.env["REEVE_REEVECTL"] = str(other)
    assert "a key of another id was made" in admin.refuses("key", "rotate", key_id(key))
    assert record() == before
