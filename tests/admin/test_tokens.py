"""reeve-admin token revoke."""

import hashlib
import time

import pytest

ISSUER, JTI = "https://id.example.com/realms/main", "a b|c"
NAME = hashlib.sha256(f"{ISSUER}\n{JTI}".encode()).hexdigest()[:32]
KEY = f"reeve:revoked:{NAME}"


def test_a_token_is_named_as_the_agents_name_it(admin, redis):
    until = int(time.time()) + 3600
    admin("token", "revoke", ISSUER, JTI, str(until), "note=laptop stolen")
    assert list(redis.records()) == [KEY.encode()]
    fields = redis("HGETALL", KEY)
    assert dict(zip(fields[::2], fields[1::2])) == {
        b"until": str(until).encode(),
        b"note": b"laptop stolen",
    }


def test_the_record_ends_after_the_token_and_its_issuers_leeway(admin, redis):
    until = int(time.time()) + 3600
    admin("token", "revoke", "--name", NAME, str(until))
    assert redis("EXPIRETIME", KEY) == until + 120


def test_a_time_may_be_from_now(admin, redis):
    admin("token", "revoke", "--name", NAME, "1h")
    assert abs(int(redis("HGET", KEY, "until")) - time.time() - 3600) < 10


def test_a_token_can_be_revoked_again(admin, redis):
    admin("token", "revoke", "--name", NAME, "1h", "note=once")
    admin("token", "revoke", "--name", NAME, "2h")
    assert int(redis("HGET", KEY, "until")) > time.time() + 7000
    assert redis("HGET", KEY, "note") == b"once"


BAD = [
    (("--name", "0123", "1h"), 1, "not a name"),
    (("--name", NAME.upper(), "1h"), 1, "not a name"),
    (("--name", NAME[:-1] + "g", "1h"), 1, "not a name"),
    (("--name", NAME + "0", "1h"), 1, "not a name"),
    (("--name", NAME, ""), 1, "until: empty"),
    (("--name", NAME, "never"), 1, "until: "),
    (("--name", NAME, "soon"), 1, "until: "),
    (("--name", NAME, "1h", "until=2h"), 1, "until"),
    (("--name", NAME, "1h", "state=active"), 1, "state"),
    (("--name", NAME), 2, "too few arguments"),
    ((ISSUER, JTI), 2, "too few arguments"),
    ((ISSUER, JTI, "1h", "note=a", "note=b"), 2, "too many arguments"),
]


@pytest.mark.parametrize("words, status, says", BAD)
def test_refused(admin, redis, words, status, says):
    done = admin.run("token", "revoke", *words)
    assert done.returncode == status
    assert says in done.stderr
    assert redis("KEYS", "*") == []
