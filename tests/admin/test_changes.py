"""Each change is recorded in the step that makes it: who, what, when, and what the record was and became."""

import hashlib
import re
import subprocess
import time

import pytest

from harness.pki import Certificate
from support import FOLDER, ROOT, SHELLS, Admin, Connection, RedisError, Server, key_id

STREAM = "reeve:changes"
FIELDS = ["who", "host", "command", "key", "user", "before", "after", "fields"]
PHC = "$scrypt$ln=17,r=8,p=1$AwoRGB8mLTQ7QklQV15lbA$AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dw"
TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
KEYID = "0123456789"
HASH = "sha256:" + "ab" * 32


@pytest.fixture
def admin(server, redis):
    return Admin(server.url, REEVE_OPERATOR="ann")


def changes(redis):
    """[(id, {field: value})]"""
    entries = []
    for number, flat in redis("XRANGE", STREAM, "-", "+"):
        words = [item.decode() for item in flat]
        assert words[::2] == FIELDS
        entries.append((number.decode(), dict(zip(words[::2], words[1::2]))))
    return entries


def last(redis):
    return changes(redis)[-1][1]


def digest(redis, key):
    """Of what stands there now, by the description in lua/change.lua."""
    fields = redis.hash(key)
    parts = "".join(
        f"{len(text.encode())}:{text}," for name in sorted(fields, key=str.encode) for text in (name, fields[name])
    )
    return hashlib.sha1(parts.encode()).hexdigest() if fields else "-"


@pytest.fixture
def filled(redis, admin, tmp_path):
    """One record of each kind, made without reeve-admin."""
    redis("HSET", "reeve:user:{alice}", "state", "active", "roles", "reader", "limits", "q")
    redis("HSET", f"reeve:key:{KEYID}", "user", "alice", "hash", HASH, "state", "active")
    redis("HSET", "reeve:role:reader", "rule:10", "allow GET * /a", "mode", "enforce")
    redis("HSET", "reeve:team:t", "state", "active")
    redis("HSET", "reeve:limit:q", "quota", "100", "per", "day")
    redis("HSET", "reeve:limit:r", "rate", "1/s")
    redis("HSET", "reeve:cert:" + "ab" * 32, "user", "alice", "state", "active")
    redis("HSET", "reeve:failed:salt", "salt", "0123456789abcdef" * 2)
    redis("ZADD", "reeve:agents", "4102444800000", "a1")
    redis("HSET", "reeve:agent:a1", "boot", "b")
    return str(Certificate(tmp_path, "laptop", "/CN=laptop").path)


# Every command that writes: its words, stdin, the key that it is recorded with (None: a key that is made).
ROTATED = [(f"key rotate {KEYID} overlap=1h", "", f"key:{KEYID}")]
MUTATING = [
    [("user add bob roles=reader", "", "user:{bob}")],
    [("user set alice team=t", "", "user:{alice}")],
    [("user disable alice", "", "user:{alice}"), ("user enable alice", "", "user:{alice}")],
    [("user password --hashed alice", PHC, "user:{alice}"), ("user password --remove alice", "", "user:{alice}")],
    [("user add bob", "", "user:{bob}"), ("user delete bob", "", "user:{bob}")],
    [("key issue alice label=ci", "", None)],
    [(f"key revoke {KEYID}", "", f"key:{KEYID}"), (f"key enable {KEYID}", "", f"key:{KEYID}")],
    [(f"key disable {KEYID}", "", f"key:{KEYID}")],
    [*ROTATED, (f"key rotate end {KEYID}", "", f"key:{KEYID}")],
    [*ROTATED, (f"key rotate --drop-new {KEYID}", "", f"key:{KEYID}")],
    [(f"key delete {KEYID}", "", f"key:{KEYID}")],
    [("cert add alice FILE", "", None)],
    [("cert revoke " + "ab" * 32, "", "cert:" + "ab" * 32), ("cert enable " + "ab" * 32, "", "cert:" + "ab" * 32)],
    [("cert disable " + "ab" * 32, "", "cert:" + "ab" * 32), ("cert delete " + "ab" * 32, "", "cert:" + "ab" * 32)],
    [("token revoke https://id jti 9d", "", None)],
    [("token revoke --name " + "cd" * 16 + " 9d", "", "revoked:" + "cd" * 16)],
    [("role set new priority=5", "", "role:new"), ("role delete new", "", "role:new")],
    [("role rule add reader 20 allow_GET_*_/b", "", "role:reader")],
    [("role rule set reader 10 allow_GET_*_/b", "", "role:reader")],
    [("role rule delete reader 10", "", "role:reader")],
    [("team set new", "", "team:new"), ("team delete new", "", "team:new")],
    [("team disable t", "", "team:t"), ("team enable t", "", "team:t")],
    [("limit set new rate=1/s", "", "limit:new"), ("limit delete new", "", "limit:new")],
    [("agent forget a1", "", "agent:a1")],
    [("usage reset alice q", "", "used:{user:alice}:q")],
    [("usage reset --subject user:alice r", "", "bucket:{user:alice}:r")],
    [(f"unlock --key {KEYID}", "", f"key:{KEYID}")],
    [("unlock --source 192.0.2.7", "", "source:192.0.2.7")],
]
READING = {"user show", "user list", "key show", "key list", "cert show", "cert list", "role show", "role list",
           "team show", "team list", "limit show", "limit list", "agent list", "audit-access", "usage",
           "usage show", "record check", "changes"}  # fmt: skip


def words_of(line, file):
    words = line.replace("FILE", file).split(" ")
    return [word.replace("_", " ") for word in words] if line.startswith("role rule") else words


@pytest.mark.parametrize("steps", MUTATING, ids=lambda steps: steps[-1][0].replace(" ", "-")[:40])
def test_every_change_is_recorded(admin, redis, filled, steps):
    for line, stdin, key in steps:
        words = words_of(line, filled)
        seen, stood = len(changes(redis)), redis.records()
        before = digest(redis, f"reeve:{key}") if key else "-"
        admin(*words, stdin=stdin)
        (entry,) = [fields for _, fields in changes(redis)[seen:]]
        assert redis.records() != stood
        assert entry["who"] == "ann" and entry["host"] == subprocess.getoutput("uname -n")
        assert entry["command"].split(" ")[:2] == words[:2]
        assert key is None or entry["key"] == key
        if words[0] == "unlock":
            assert (entry["before"], entry["after"], entry["fields"]) == ("-", "-", "")
        else:
            assert entry["before"] == before
            assert entry["after"] == digest(redis, f"reeve:{entry['key']}")
            assert entry["before"] != entry["after"] and entry["fields"]


def test_every_command_changes_and_is_in_the_table_or_only_reads():
    table = {re.sub(r"\|.*", "", row) for row in re.findall(r"^[a-z][a-z -]*\|.*\|.*\.$", commands(), re.M)}
    assert len(table) >= 40
    for name in table - READING:
        assert any(line.startswith(name) for steps in MUTATING for line, _, _ in steps), name


def commands():
    return (FOLDER / "reeve-admin").read_text().split("<<'END'\n")[1].split("\nEND\n")[0]


def test_no_script_writes_without_its_record():
    """Whatever writes is called by change(), and adds before it writes; a fence is no record."""
    writes = re.compile(r'redis\.call\("(HSET|HDEL|HSETNX|DEL|SET|ZREM|EXPIREAT|XADD|PEXPIRE)"|write_record\(')
    shells = "".join(path.read_text() for path in (FOLDER / "reeve-admin", *FOLDER.glob("*.sh")))
    writing = set()
    for path in (FOLDER / "lua" / "op").glob("*.lua"):
        text = path.read_text()
        found = writes.search(text)
        if found and path.stem != "receipt":
            writing.add(path.stem)
            added = re.search(r"\b(write_record|note_change|add_change)\(origin", text)
            assert added and added.start() <= found.start(), path
            assert not re.search(rf"\b(script|evaluate_each) {path.stem}\b", shells), path
    assert writing == set(re.findall(r"\bchange ([a-z]+) \"", shells))
    text = (FOLDER / "lua" / "op" / "receipt.lua").read_text()
    assert writes.findall(text) == ["SET"]


def test_what_a_change_says(admin, redis):
    began = time.time() * 1000
    admin("user", "add", "alice", "note=a b'c", "expires=30d")
    (number, entry), = changes(redis)
    assert began - 1000 <= int(number.split("-")[0]) <= time.time() * 1000 + 1000
    assert entry == {
        "who": "ann",
        "host": subprocess.getoutput("uname -n"),
        "command": "user add alice 'note=a b'\\''c' expires=30d",
        "key": "user:{alice}",
        "user": "alice",
        "before": "-",
        "after": digest(redis, "reeve:user:{alice}"),
        "fields": "expires,note,state",
    }
    admin("user", "set", "alice", "note=", "team=t")
    assert last(redis)["fields"] == "note,team" and last(redis)["before"] == entry["after"]
    admin("user", "delete", "alice")
    assert last(redis)["after"] == "-" and last(redis)["fields"] == "expires,state,team"


def test_whose_it_is(admin, redis, filled):
    admin("key", "revoke", KEYID)
    assert last(redis)["user"] == "alice"
    admin("usage", "reset", "alice", "q")
    assert last(redis)["user"] == "alice"
    admin("team", "disable", "t")
    assert last(redis)["user"] == ""
    admin("user", "add", "auth0|é")
    assert last(redis)["user"] == "auth0%7C%C3%A9"
    seen = len(changes(redis))
    admin("unlock", "--user", "alice")
    assert [(e["key"], e["user"]) for _, e in changes(redis)[seen:]] == [
        ("user:{alice}", "alice"), (f"key:{KEYID}", "alice"),
    ]  # fmt: skip


def test_a_user_deleted_with_keys_is_a_change_for_each(admin, redis, filled):
    admin("user", "delete", "--keys", "--certs", "alice")
    assert [(e["key"], e["command"]) for _, e in changes(redis)] == [
        (key, "user delete --keys --certs alice")
        for key in (f"key:{KEYID}", "cert:" + "ab" * 32, "user:{alice}")
    ]


def test_who_it_was(server, redis):
    names = ("REEVE_OPERATOR", "SUDO_USER", "USER")
    for number, given in enumerate([("a", "b", "c"), ("", "b", "c"), ("", "", "c")]):
        Admin(server.url, **dict(zip(names, given)))("user", "add", f"u{number}")
    assert [entry["who"] for _, entry in changes(redis)] == ["a", "b", "c"]
    Admin(server.url, REEVE_OPERATOR="", SUDO_USER="", USER="")("user", "add", "u9")
    assert last(redis)["who"] == subprocess.getoutput("id -un")


@pytest.mark.parametrize("shell", SHELLS)
def test_where_nothing_changes_nothing_is_recorded(server, redis, filled, shell):
    admin = Admin(server.url, SHELLS[shell])
    admin("user", "enable", "alice")
    admin("user", "set", "alice", "roles=reader")
    admin("role", "set", "reader")
    admin("role", "rule", "set", "reader", "10", "allow GET * /a")
    for words in ("user add alice", "user set bob team=t", "user set alice team=a/b", "key rotate AAAAAAAAAA",
                  "role rule add reader 10 x", "team delete none", "agent forget none", "user delete alice"):  # fmt: skip
        admin.refuses(*words.split(" "))
    admin("user", "list")
    assert redis("EXISTS", STREAM) == 0
    admin("user", "disable", "alice")
    assert len(changes(redis)) == 1


HOSTILE = ["a\x1b[2J\nb", "é €", "x" * 5000, "$(id) `id` %s \\", "'\"", "\udcff\udcfe", "a\tb", " "]


@pytest.mark.parametrize("shell", SHELLS)
def test_hostile_words_are_kept_fit_for_a_terminal(server, redis, shell):
    for number, text in enumerate(HOSTILE):
        Admin(server.url, SHELLS[shell], REEVE_OPERATOR=text)("team", "set", f"t{number}")
    kept = [entry["who"] for _, entry in changes(redis)]
    assert kept[0] == "a\\x1b[2J\\x0ab" and kept[1] == "é €" and kept[2] == "x" * 1024 + "..."
    assert kept[3:] == ["$(id) `id` %s \\", "'\"", "\\xff\\xfe", "a\\x09b", " "]
    Admin(server.url, SHELLS[shell])("user", "add", "auth0|'x y", "note=" + "é" * 128)
    assert last(redis)["command"] == "user add 'auth0|'\\''x y' 'note=" + "é" * 128 + "'"


@pytest.mark.parametrize("shell", SHELLS)
def test_no_secret_is_kept(server, redis, pepper_file, shell):
    admin = Admin(server.url, SHELLS[shell], REEVE_PEPPER_FILE=str(pepper_file))
    admin("user", "add", "alice")
    key = admin("key", "issue", "alice").strip()
    second = admin("key", "rotate", key_id(key)).strip()
    admin("user", "password", "--hashed", "alice", stdin=PHC)
    # What does not belong there may be typed all the same.
    for text in (key, f"was {second}", HASH, f"hmac-sha256:p1:{'ab' * 32}", PHC, f"x {TOKEN}"):
        admin("user", "set", "alice", f"note={text}")
    admin("token", "revoke", "https://id", TOKEN, "9d")
    admin("token", "revoke", "https://id", "jti-of-a-token", "9d")
    kept = str(changes(redis))
    stored = redis.hash(f"reeve:key:{key_id(key)}")
    for secret in (key.split("_")[2], second.split("_")[2], stored["hash"].split(":")[2], "ab" * 32,
                   PHC.split("$")[3], PHC.split("$")[4], TOKEN.split(".")[1], "jti-of-a-token"):  # fmt: skip
        assert secret not in kept, secret
    assert f"note=rv_{key_id(key)}_***" in kept and len(changes(redis)) == 12


def test_what_can_not_be_recorded_is_not_done(admin, redis, filled):
    redis("SET", STREAM, "x")
    before = redis.snapshot()
    for words in ("user disable alice", "user add bob", f"key delete {KEYID}", "role rule delete reader 10",
                  "usage reset alice q", "unlock --source 192.0.2.7", "agent forget a1", f"key rotate {KEYID}"):  # fmt: skip
        assert "WRONGTYPE" in admin.refuses(*words.split(" "), status=3)
    assert redis.snapshot() == before


def test_concurrent_changes_lose_nothing(server, redis):
    running = [
        subprocess.Popen(
            [*SHELLS["dash"], str(FOLDER / "reeve-admin"), "role", "set", "r", f"priority={number}"],
            env=Admin(server.url, REEVE_OPERATOR=f"o{number}").env,
        )
        for number in range(12)
    ]
    assert [process.wait(timeout=60) for process in running] == [0] * 12
    entries = [entry for _, entry in changes(redis)]
    assert {entry["who"] for entry in entries} == {f"o{number}" for number in range(12)}
    for earlier, later in zip(entries, entries[1:]):
        assert later["before"] == earlier["after"]
    assert entries[-1]["after"] == digest(redis, "reeve:role:r")


def test_a_key_of_another_type_and_odd_fields(admin, redis):
    redis("SET", "reeve:team:t", "x")
    admin("team", "delete", "t")
    assert (last(redis)["before"], last(redis)["after"]) == ("?", "-")
    redis("HSET", "reeve:team:t", "a,b\n", "x")
    admin("team", "delete", "t")
    assert last(redis)["fields"] == "a\\x2cb\\x0a"
    redis("HSET", "reeve:role:r", *[word for n in range(100) for word in (f"rule:{n:03}", "deny * * /")])
    admin("role", "delete", "r")
    assert last(redis)["fields"].split(",")[-2:] == ["rule:031", "+68"]


def test_a_large_role_is_not_read_as_a_whole(admin, redis):
    """That would hold agents up: 20000 rules take Redis a second."""
    texts = {f"rule:{n:05}": f"allow GET * /v1/{n}/**" for n in range(20000)}
    for ids in (sorted(texts)[n : n + 1000] for n in range(0, 20000, 1000)):
        redis("HSET", "reeve:role:r", *[word for name in ids for word in (name, texts[name])])
    redis("HSET", "reeve:role:r", "mode", "enforce")
    assert admin.refuses("role", "rule", "add", "r", "x", "deny * * /") == "role r: rule x: the role is full (20000 rules)"
    redis("CONFIG", "RESETSTAT")
    admin("role", "rule", "set", "r", "00005", "deny * * /v1/**")
    assert last(redis)["fields"] == "rule:00005"
    admin("role", "set", "r", "priority=7")
    assert last(redis)["fields"] == "priority" and redis.hash("reeve:role:r")["priority"] == "7"
    admin("role", "rule", "delete", "r", "00005")
    admin("role", "delete", "r")
    assert "cmdstat_hgetall:calls=1," in redis("INFO", "commandstats").decode(), "of the test"
    assert [len(entry["before"]) for _, entry in changes(redis)] == [41] * 4
    assert all(re.fullmatch("~[0-9a-f]{40}|-", e[f]) for _, e in changes(redis) for f in ("before", "after"))
    assert redis("EXISTS", "reeve:role:r") == 0


def test_so_many_are_kept(server, redis):
    redis("CONFIG", "SET", "stream-node-max-entries", "1")
    try:
        for number in range(5):
            Admin(server.url, REEVE_CHANGES_KEPT="2")("team", "set", f"t{number}")
        assert [entry["key"] for _, entry in changes(redis)][-2:] == ["team:t3", "team:t4"]
        assert len(changes(redis)) <= 3
    finally:
        redis("CONFIG", "SET", "stream-node-max-entries", "100")
    for wrong in ("", "0", "-1", "x", "1" * 10):
        fault = Admin(server.url, REEVE_CHANGES_KEPT=wrong).refuses("team", "set", "t5", status=2)
        assert fault == "REEVE_CHANGES_KEPT: expected a number from 1 to 999999999"
    assert redis("EXISTS", "reeve:team:t5") == 0


def test_many_counts_are_forgotten_in_few_changes(admin, redis, filled):
    salt = "0123456789abcdef" * 2
    name = hashlib.sha256(f"{salt}\nsource:192.0.2.7".encode()).hexdigest()[:24]
    for number in range(450):
        redis("HSET", f"reeve:failed:{number:024x}:{name}", "clear", "1")
    assert admin("unlock", "--source", "192.0.2.7") == "source 192.0.2.7: 450 counts forgotten, agents told\n"
    assert redis("KEYS", f"reeve:failed:*:{name}") == [] and len(changes(redis)) == 3


def test_the_shipped_rights_add_and_read_and_no_more(tmp_path):
    started = Server(tmp_path, "--include", str(ROOT / "contrib/redis-acl/reeve-users.conf"))
    try:
        root = Connection(started.path)
        for user in ("reeve-admin", "reeve-agent", "reeve-reader"):
            root("ACL", "SETUSER", user, "on", ">x")
        Admin(f"redis://reeve-admin:x@127.0.0.1:{started.port}")("team", "set", "t")
        assert len(changes(root)) == 1
        tries = [("DEL", STREAM), ("SET", STREAM, "x"), ("XTRIM", STREAM, "MAXLEN", 0), ("XDEL", STREAM, "1-1"),
                 ("EXPIREAT", STREAM, 1), ("HSET", STREAM, "a", "b"), ("XADD", "reeve:team:t", "*", "a", "b")]  # fmt: skip
        reading = [("XRANGE", STREAM, "-", "+"), ("XADD", STREAM, "*", "a", "b")]
        for user, denied in (("reeve-admin", tries), ("reeve-agent", tries + reading), ("reeve-reader", tries + reading)):
            connection = Connection(started.path)
            connection("AUTH", user, "x")
            for words in denied:
                with pytest.raises(RedisError, match="NOPERM"):
                    connection(*words)
        assert len(changes(root)) == 1
    finally:
        started.stop()
