"""cert add, show, list, revoke, disable, enable, delete."""

import calendar
import time

import pytest

from harness.pki import Certificate, openssl

PREFIX = "reeve:cert:"
ALICE = b"reeve:user:{alice}"


def ends(certificate):
    text = openssl("x509", "-in", certificate.path, "-noout", "-enddate").decode().strip()
    return calendar.timegm(time.strptime(text, "notAfter=%b %d %H:%M:%S %Y GMT"))


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("certs"), "laptop", "/O=Corp/CN=laptop")


@pytest.fixture
def alice(redis):
    redis("HSET", ALICE, "state", "active", "roles", "reader,writer")


def test_add_prints_the_fingerprint_and_stores_until_the_end(admin, redis, alice, laptop):
    before = int(time.time())
    assert admin("cert", "add", "alice", str(laptop.path), "label=é") == laptop.fingerprint + "\n"
    record = redis.hash(PREFIX + laptop.fingerprint)
    assert before <= int(record.pop("created")) <= int(time.time())
    assert record == {"user": "alice", "state": "active", "expires": str(ends(laptop)), "label": "é"}


def test_the_stored_certificate_is_a_good_record(admin, redis, alice, laptop):
    admin("cert", "add", "alice", str(laptop.path), "roles=reader", "expires=12h")
    fields = redis.hash(PREFIX + laptop.fingerprint)
    assert fields["roles"] == "reader"
    assert int(fields["expires"]) == int(fields["created"]) + 12 * 3600
    assert admin("record", "check", "cert", *(f"{k}={v}" for k, v in fields.items())) == "good\n"


def test_never_is_never(admin, redis, alice, laptop):
    admin("cert", "add", "alice", str(laptop.path), "expires=never")
    assert "expires" not in redis.hash(PREFIX + laptop.fingerprint)


def test_a_file_of_any_name_will_do(admin, redis, alice, laptop, tmp_path):
    for name in ("-in", "a b;c", "$(x)"):
        path = tmp_path / name
        path.write_bytes(laptop.path.read_bytes())
        admin("cert", "add", "alice", str(path))
        admin("cert", "delete", str(path))
    assert list(redis.records()) == [ALICE]


def test_warns_of_roles_that_the_user_has_not(admin, alice, laptop):
    assert admin.warns("cert", "add", "alice", str(laptop.path), "roles=reader,admin") == [
        "cert of alice: roles: 'admin' is not a role of the user"
    ]


def test_named_by_fingerprint_as_openssl_prints_it_or_by_file(admin, redis, alice, laptop):
    admin("cert", "add", "alice", str(laptop.path))
    state = lambda: redis.hash(PREFIX + laptop.fingerprint)["state"]  # noqa: E731
    colons = laptop.der_sha256.hex(":").upper()
    for name in (laptop.fingerprint, laptop.fingerprint.upper(), colons, str(laptop.path)):
        for verb in ("revoke", "disable"):
            admin("cert", verb, name)
            assert state() == "disabled"
            admin("cert", "enable", name)
            assert state() == "active"
        assert "user     alice" in admin("cert", "show", name)
    admin("cert", "delete", colons)
    assert list(redis.records()) == [ALICE]


def test_list_all_or_a_users(admin, redis, alice, laptop):
    redis("HSET", "reeve:user:{al}", "state", "active")
    admin("cert", "add", "alice", str(laptop.path), "roles=reader", "label=l", "expires=2090-01-01")
    old, bad = "0" * 64, "f" * 64
    redis("HSET", PREFIX + old, "user", "al", "state", "active", "expires", "1")
    redis("HSET", PREFIX + bad, "user", "alice")

    rows = [line.split() for line in admin("cert", "list").splitlines()]
    assert rows[0] == ["FINGERPRINT", "STATE", "USER", "EXPIRES", "ROLES", "LABEL"]
    of = {row[0]: row[1:] for row in rows[1:]}
    assert of[laptop.fingerprint] == ["active", "alice", "2090-01-01T00:00:00Z", "reader", "l"]
    assert of[old][:2] == ["expired", "al"]
    assert of[bad][:2] == ["bad_record", "alice"]
    rows = [line.split()[0] for line in admin("cert", "list", "alice").splitlines()[1:]]
    assert set(rows) == {laptop.fingerprint, bad}


def test_a_user_with_certificates_is_not_deleted(admin, redis, alice, laptop):
    admin("cert", "add", "alice", str(laptop.path))
    key = admin("key", "issue", "alice").split("_")[1]
    before = redis.snapshot()
    says = f"user alice: has certificates (delete them too with --certs): {laptop.fingerprint}"
    assert admin.refuses("user", "delete", "--keys", "alice") == says
    says = f"user alice: has keys (delete them too with --keys): {key}"
    assert admin.refuses("user", "delete", "--certs", "alice") == says
    assert redis.snapshot() == before
    admin("user", "delete", "--certs", "--keys", "alice")
    assert redis.records() == {}


def test_a_key_bound_to_a_certificate(admin, redis, alice, laptop):
    admin("key", "issue", "alice", f"cert={laptop.fingerprint}")
    (name,) = [name for name in redis.records() if name.startswith(b"reeve:key:")]
    assert redis.hash(name)["cert"] == laptop.fingerprint


# ---- refusals ----


@pytest.fixture(scope="module")
def files(tmp_path_factory, laptop):
    folder = tmp_path_factory.mktemp("bad")
    good = laptop.path.read_text()
    texts = {
        "two": good + good,
        "empty": "",
        "junk": "junk\n",
        "cut": good[: len(good) // 2],
        "broken": good.replace("M", "N", 3),
        "key": laptop.key_path.read_text(),
        "request": good.replace("CERTIFICATE", "CERTIFICATE REQUEST"),
    }
    paths = {"absent": folder / "absent", "folder": folder}
    for name, text in texts.items():
        paths[name] = folder / name
        paths[name].write_text(text)
    return {name: str(path) for name, path in paths.items()}


BAD_FILES = {
    "two": "2 certificates in PEM; expected one",
    "empty": "0 certificates in PEM; expected one",
    "junk": "0 certificates in PEM; expected one",
    "cut": "openssl can not read the certificate",
    "broken": "openssl can not read the certificate",
    "key": "0 certificates in PEM; expected one",
    "request": "0 certificates in PEM; expected one",
    "absent": "neither a fingerprint (64 hex digits) nor a file that can be read",
    "folder": "neither a fingerprint (64 hex digits) nor a file that can be read",
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_is_not_one_certificate_is_refused(admin, redis, alice, files, name):
    before = redis.snapshot()
    assert BAD_FILES[name] in admin.refuses("cert", "add", "alice", files[name])
    assert redis.snapshot() == before


def test_an_expired_one_can_be_revoked_and_not_added(admin, redis, alice, tmp_path):
    old = Certificate(tmp_path, "old", "/CN=old", days=-1)
    redis("HSET", PREFIX + old.fingerprint, "user", "alice", "state", "active")
    assert "expired at" in admin.refuses("cert", "add", "alice", str(old.path))
    admin("cert", "revoke", str(old.path))
    assert redis.hash(PREFIX + old.fingerprint)["state"] == "disabled"


REFUSED = [
    ("cert add bob {file}", 1, "user bob: no such user"),
    ("cert add alice {file} user=root", 1, "no such field"),
    ("cert add alice {file} hash=x", 1, "no such field"),
    ("cert add alice {file} allow_from=::1", 1, "no such field"),
    ("cert add alice {file} roles=", 1, "roles: empty"),
    ("cert add alice {file} roles=a,,b", 1, "is not a name"),
    ("cert add alice {file} expires=soon", 1, "expires: "),
    ("cert add alice {file} expires=", 1, "expires: empty"),
    ("cert add alice {file} label", 2, "is not FIELD=VALUE"),
    ("cert add alice", 2, "too few arguments"),
    ("cert add -x {file}", 2, "unknown option"),
    ("cert show {print}", 1, "no such cert"),
    ("cert revoke {print}", 1, "no such cert"),
    ("cert enable {print}", 1, "no such cert"),
    ("cert delete {print}", 1, "no such cert"),
    ("cert revoke {print}0", 1, "neither a fingerprint"),
    ("cert revoke", 2, "too few arguments"),
    ("cert revoke {print} x", 2, "too many arguments"),
    ("cert revoke --all", 2, "unknown option"),
    ("key issue alice cert=x", 1, "is not a fingerprint"),
    ("key issue alice cert={print}0", 1, "is not a fingerprint"),
    ("record check cert user=a state=active hash=x", 1, "hash: no such field"),
]


@pytest.mark.parametrize("words, status, says", REFUSED, ids=[row[0] for row in REFUSED])
def test_refused(admin, redis, alice, laptop, words, status, says):
    before = redis.snapshot()
    filled = [word.format(file=laptop.path, print=laptop.fingerprint) for word in words.split()]
    assert says in admin.refuses(*filled, status=status)
    assert redis.snapshot() == before


def test_added_once(admin, redis, alice, laptop):
    admin("cert", "add", "alice", str(laptop.path))
    before = redis.snapshot()
    assert "exists already" in admin.refuses("cert", "add", "alice", str(laptop.path))
    assert redis.snapshot() == before
