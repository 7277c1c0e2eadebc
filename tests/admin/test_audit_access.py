"""audit-access: what gives access and needs a look."""

import csv
import io
import json
import os
import re
import time

import pytest

from support import SHELLS, Admin, key_id

DAY = 86400
HASH = "sha256:" + "ab" * 32
PASSWORD = "$scrypt$ln=17,r=8,p=1$AwoRGB8mLTQ7QklQV15lbA$AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dw"
COLUMNS = ["kind", "name", "user", "state", "created", "rotated", "expires", "last_used",
           "old_secret_used", "findings"]  # fmt: skip


@pytest.fixture
def put(redis):
    """put(key, age of its last use by field, ...): records as they might be; ages in days."""

    def run(key, seen=None, **fields):
        now = int(time.time())
        words = [word for field, value in fields.items() for word in (field, value)]
        redis("HSET", f"reeve:{key}", *words)
        for use, days in (seen or {}).items():
            redis("HSET", f"reeve:seen:{key}", use, now - int(days * DAY), f"{use}_by", "a1")

    return run


@pytest.fixture
def put_key(put):
    def run(keyid, user="alice", days=1, seen=None, **fields):
        created = str(int(time.time() - days * DAY))
        put(f"key:{keyid}", seen, **{"user": user, "hash": HASH, "state": "active", "created": created, **fields})

    return run


@pytest.fixture
def alice(put, put_key):
    """Nothing to find: a user with a role and a key in use."""
    put("role:reader", mode="enforce")
    put("user:{alice}", state="active", roles="reader")
    put_key("alice00001", seen={"hash": 0.01})


def audit(admin, *words):
    """{(kind, name): findings}, and that the status says whether there are any."""
    done = admin.run("audit-access", "--format=json", *words)
    assert done.stderr == ""
    rows = json.loads(done.stdout)
    assert done.returncode == (1 if any(row["findings"] for row in rows) else 0)
    assert all(list(row) == COLUMNS for row in rows)
    return {(row["kind"], row["name"]): row["findings"] for row in rows}


def at(days):
    return str(int(time.time() + days * DAY))


def test_nothing_to_find_prints_nothing(admin, alice):
    assert admin("audit-access") == ""
    assert admin("audit-access", "--format=json") == "[\n]\n"
    assert admin.run("audit-access", "--format=csv").stdout.rstrip() == ",".join(COLUMNS)
    assert audit(admin, "--all") == {("key", "alice00001"): [], ("user", "alice"): [], ("role", "reader"): []}


def test_of_nothing_there_is_nothing(admin, redis):
    assert admin("audit-access") == "" and admin("audit-access", "--all") == ""


KEYS = [
    # days since it was made, of uses, fields, findings
    (1, {}, {}, []),
    (80, {}, {}, []),
    (100, {}, {}, ["unused"]),
    (100, {"hash": 80}, {}, []),
    (200, {"hash": 100}, {}, ["unused"]),
    (200, {"hash": 100, "hash2": 1}, {}, []),
    (400, {"hash": 1}, {}, ["old"]),
    (400, {"hash": 1}, {"rotated": -10}, []),
    (400, {}, {"rotated": -100}, ["unused"]),
    (1, {}, {"expires": 10}, ["expires_soon"]),
    (1, {}, {"expires": 20}, []),
    (400, {"hash": 300}, {"expires": 1}, ["expires_soon", "old", "unused"]),
    (400, {"hash": 300}, {"expires": -1}, ["expired"]),
    (400, {"hash": 300}, {"state": "disabled"}, []),
    (100, {}, {"not_before": 1}, ["unused"]),
    # The old secret: used since the rotation, while it counts.
    (9, {"hash2": 0.5}, {"hash2": HASH, "hash2_until": 1, "rotated": -1}, ["old_secret_used"]),
    (9, {"hash2": 2}, {"hash2": HASH, "hash2_until": 1, "rotated": -1}, []),
    (9, {"hash": 0.5}, {"hash2": HASH, "hash2_until": 1, "rotated": -1}, []),
    (9, {"hash2": 0.5}, {"hash2": HASH, "hash2_until": -0.1, "rotated": -1}, []),
    (9, {"hash2": 0.5}, {"hash2": HASH, "hash2_until": 1}, ["old_secret_used"]),
    (9, {"hash2": 0.5}, {"hash2": HASH, "hash2_until": 1, "state": "disabled"}, []),
    (9, {}, {"user": "nobody"}, ["no_user"]),
    (400, {}, {"allow_form": "x"}, ["bad_record"]),
    (400, {}, {"state": "off", "user": "nobody"}, ["bad_record", "no_user"]),
]


@pytest.mark.parametrize("days, seen, fields, findings", KEYS)
def test_findings_of_keys(admin, alice, put_key, days, seen, fields, findings):
    times = {f: at(v) if isinstance(v, (int, float)) else v for f, v in fields.items()}
    put_key("0123456789", days=days, seen=seen, **times)
    assert audit(admin).get(("key", "0123456789"), []) == findings


def test_a_key_that_nobody_dated_and_nobody_used_is_unused(admin, alice, redis, put):
    put("key:0123456789", user="alice", hash=HASH, state="active")
    assert audit(admin) == {("key", "0123456789"): ["unused"]}
    put("key:0123456789", {"hash": 1}, created="0")
    assert audit(admin) == {("key", "0123456789"): ["bad_record"]}


def test_the_spans_are_the_operators(admin, alice, put_key):
    put_key("0123456789", days=30, seen={"hash": 10}, expires=at(40))
    name = ("key", "0123456789")
    assert name not in audit(admin)
    assert audit(admin, "--unused=9d", "--old=29d", "--expires=41d")[name] == [
        "expires_soon",
        "old",
        "unused",
    ]
    assert name not in audit(admin, "--unused=11d", "--old=31d", "--expires=39d")
    put_key("0123456789", days=3000, seen={"hash": 2000}, expires=at(1))
    assert audit(admin, "--unused=0", "--old=0", "--expires=0") == {}


def test_findings_of_users(admin, alice, put, put_key):
    put("user:{never}", state="active")
    put("user:{asleep}", state="active")
    put_key("asleep0001", "asleep", days=200, seen={"hash": 100})
    put("user:{token}", {"token": 1}, state="active")
    put("user:{pass}", {"password": 1}, state="active", password=PASSWORD)
    put("user:{byname}", {"cert": 1}, state="active")
    put("user:{withcert}", state="active")
    put("cert:" + "ab" * 32, {"cert": 1}, user="withcert", state="active", created=at(-2))
    put("user:{revoked}", {"token": 100}, state="active")
    put_key("revoked001", "revoked", state="disabled")
    put("user:{away}", state="disabled")
    put("user:{gone}", state="active", expires=at(-1))
    put("user:{soon}", {"token": 1}, state="active", expires=at(1))
    put("user:{broken}", state="on")
    found = audit(admin, "--kind=user")
    assert found == {
        ("user", "never"): ["no_credential", "unused"],
        ("user", "asleep"): ["unused"],
        ("user", "revoked"): ["unused"],
        ("user", "gone"): ["expired"],
        ("user", "soon"): ["expires_soon"],
        ("user", "broken"): ["bad_record"],
    }


def test_a_user_whose_credential_is_new_is_not_unused_yet(admin, alice, put, put_key):
    put("user:{new}", state="active")
    put_key("new0000001", "new", days=89)
    put("user:{old}", state="active")
    put_key("old0000001", "old", days=91)
    put("user:{renewed}", state="active")
    put_key("renewed001", "renewed", days=300, rotated=at(-89))
    assert audit(admin, "--kind=user") == {("user", "old"): ["unused"]}


def test_many(admin, redis, put, put_key):
    """Several calls for each kind, and users between whose keys other rows stand."""
    put("role:reader", mode="enforce")
    for number in range(120):
        put(f"user:{{u{number}}}", state="active", roles="reader")
        for key in range(number % 4):
            put_key(f"{number:05d}{key:05d}", f"u{number}", days=300, seen={"hash": 1 if number % 2 else 200})
    rows = audit(admin, "--all")
    assert len(rows) == 1 + 120 + 180
    for number in range(120):
        wanted = {0: ["no_credential", "unused"], 2: ["unused"]}.get(number % 4, [])
        assert rows["user", f"u{number}"] == wanted
        for key in range(number % 4):
            assert rows["key", f"{number:05d}{key:05d}"] == (["unused"] if number % 4 == 2 else [])


def test_a_user_was_seen_when_its_credentials_were(admin, alice, put_key):
    put_key("alice00002", seen={"hash": 5})
    row = json.loads(admin("audit-access", "--all", "--kind=user", "--format=json"))[0]
    age = time.time() - time.mktime(time.strptime(row["last_used"], "%Y-%m-%dT%H:%M:%SZ")) + time.timezone
    assert 0.01 * DAY - 60 < age < 0.01 * DAY + 60


def test_roles_that_nobody_has(admin, alice, put):
    put("role:guest", mode="enforce")
    put("role:read", mode="enforce")
    put("role:broken", mode="enforce", limits="a,,b")
    assert audit(admin) == {
        ("role", "guest"): ["nobody"],
        ("role", "read"): ["nobody"],
        ("role", "broken"): ["bad_record", "nobody"],
    }
    assert ("role", "guest") not in audit(admin, "--held=guest,other")


def test_certificates_are_looked_at_as_keys_are(admin, alice, put):
    put("cert:" + "ab" * 32, user="alice", state="active", created=at(-100), expires=at(3))
    put("cert:" + "cd" * 32, user="nobody", state="active", created=at(-1))
    assert audit(admin) == {
        ("cert", "ab" * 32): ["expires_soon", "unused"],
        ("cert", "cd" * 32): ["no_user"],
    }


def test_only_kind_and_sort(admin, alice, put_key):
    put_key("0000000001", days=400, seen={"hash": 1}, user="nobody")
    put_key("0000000002", days=500, seen={"hash": 200})
    put_key("0000000003", days=100)
    assert set(audit(admin, "--only=old")) == {("key", "0000000001"), ("key", "0000000002")}
    assert set(audit(admin, "--only=no_user,unused")) == {("key", f"000000000{i}") for i in (1, 2, 3)}
    assert audit(admin, "--kind=role,cert") == {}
    assert [name for _, name in audit(admin, "--sort=created")] == ["0000000002", "0000000001", "0000000003"]
    assert [name for _, name in audit(admin, "--sort=last_used")] == ["0000000003", "0000000002", "0000000001"]


def test_the_table(admin, alice, put_key):
    put_key("0123456789", days=400, seen={"hash": 1}, expires="4102444800")
    lines = admin.run("audit-access").stdout.splitlines()
    assert lines[0].split() == [column.upper() for column in COLUMNS]
    cells = lines[1].split()
    assert cells[:4] == ["key", "0123456789", "alice", "active"] and cells[-1] == "old"
    assert cells[5] == "-" and cells[6] == "2100-01-01T00:00:00Z"
    assert len(lines) == 2


HOSTILE = ["=1+1", "@SUM(1)", "+1", "-1", 'a"b', "a,b", "a\\b", "é|€", "{", "'", "a\nb", "\x1b[2J", "a\tb", "\xff"]


def test_any_name_is_good_csv_and_json(admin, redis, alice):
    for name in HOSTILE:
        raw = name.encode("latin-1") if name == "\xff" else name.encode()
        key = b"".join(
            bytes([b]) if re.match(rb"[A-Za-z0-9._@-]", bytes([b])) else b"%%%02X" % b for b in raw
        )
        redis("HSET", b"reeve:user:{" + key + b"}", "state", "active", "roles", "=cmd")
    rows = json.loads(admin.run("audit-access", "--format=json").stdout)
    shown = {row["name"] for row in rows}
    assert {"=1+1", "@SUM(1)", 'a"b', "a,b", "a\\b", "é|€", "a\\x0ab", "\\x1b[2J", "a\\x09b", "\\xff"} <= shown
    assert len(rows) == len(HOSTILE)
    text = admin.run("audit-access", "--format=csv").stdout
    table = list(csv.reader(io.StringIO(text, newline="")))
    assert table[0] == COLUMNS and len(table) == len(HOSTILE) + 1
    assert all(len(row) == len(COLUMNS) for row in table)
    assert not [cell for row in table for cell in row if cell[:1] in "=+-@\t\r" and cell]
    assert {"'=1+1", "'@SUM(1)", "'+1", "'-1"} <= {row[1] for row in table}


def test_keys_that_are_no_records_disturb_nothing(admin, redis, alice):
    redis("SET", "reeve:key:0123456789", "text")
    redis("DEL", "reeve:seen:key:alice00001")
    redis("SET", "reeve:seen:key:alice00001", "text")
    redis("HSET", "reeve:key:a b", "user", "alice")
    redis("HSET", "reeve:user:{x", "state", "active")
    redis("HSET", "reeve:seen:user:{alice}", "hash", "nan", "token", "9" * 30)
    assert audit(admin) == {("key", "0123456789"): ["bad_record", "no_user"]}


WRONG = [
    ("--format=xml",), ("--kind=",), ("--kind=keys",), ("--only=nothing",), ("--sort=age",), ("--sort=name,kind",),
    ("--old=",), ("--old=1",), ("--unused=-1d",), ("--expires=2030-01-01",), ("--old=999999999d",), ("all",),
    ("--wait",), ("--all", "x"),
]  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_wrong_usage(admin, redis, words):
    admin.refuses("audit-access", *words, status=2)


def test_without_redis_it_is_trouble_and_not_all_is_well():
    assert "redis: " in Admin("redis://127.0.0.1:1").refuses("audit-access", status=3)


def test_no_file_is_left(admin, alice, tmp_path):
    admin.env["TMPDIR"] = str(tmp_path)
    admin("audit-access", "--all")
    admin.env["REEVE_REDIS"] = "redis://127.0.0.1:1"
    admin.refuses("audit-access", status=3)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_in_every_shell(server, redis, alice, put_key, shell):
    put_key("0123456789", days=400, seen={"hash": 1}, user="nobody")
    admin = Admin(server.url, SHELLS[shell])
    assert audit(admin) == {("key", "0123456789"): ["old", "no_user"]}
    assert admin.run("audit-access", "--format=csv").returncode == 1
    assert len(admin.run("audit-access", "--all").stdout.splitlines()) == 5


def test_after_a_rotation(admin, redis, alice):
    keyid = key_id(admin("key", "issue", "alice"))
    admin("key", "rotate", keyid, "overlap=1h")
    assert audit(admin) == {}
    redis("HSET", f"reeve:seen:key:{keyid}", "hash2", redis.hash(f"reeve:key:{keyid}")["rotated"])
    assert audit(admin) == {("key", keyid): ["old_secret_used"]}
    admin("key", "rotate", "end", keyid)
    assert audit(admin) == {}
