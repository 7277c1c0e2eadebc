"""changes: what operators changed, listed."""

import csv
import io
import json
import os
import time

import pytest

from support import ROOT, SHELLS, Admin, Connection, Server

STREAM = "reeve:changes"
COLUMNS = ["time", "who", "host", "key", "user", "command", "before", "after", "fields"]
NOW = int(time.time())


@pytest.fixture
def note(redis):
    """note(seconds ago, ...): an entry as it might be; who may add may add anything."""

    def run(ago=0, number=0, **fields):
        entry = {"who": "ann", "host": "h", "command": "user set a", "key": "user:{a}", "user": "a",
                 "before": "-", "after": "ab" * 20, "fields": "note,team", **fields}  # fmt: skip
        redis("XADD", STREAM, f"{(NOW - ago) * 1000 + 7}-{number}", *[w for pair in entry.items() for w in pair])

    return run


def listed(admin, *words):
    done = admin.run("changes", "--format=json", *words)
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    assert all(list(row) == COLUMNS for row in rows)
    return rows


@pytest.mark.parametrize("shell", SHELLS)
def test_what_was_changed_is_listed(server, redis, shell):
    admin = Admin(server.url, SHELLS[shell], REEVE_OPERATOR="ann")
    assert admin("changes") == ""
    admin("user", "add", "auth0|é", "note=a \"b\", c\\d")
    admin("user", "delete", "auth0|é")
    first, second = listed(admin)
    assert first["command"] == "user add 'auth0|é' 'note=a \"b\", c\\d'"
    assert first["who"] == "ann" and first["key"] == "user:{auth0%7C%C3%A9}" and first["fields"] == ["note", "state"]
    assert first["before"] is None and second["after"] is None and first["after"] == second["before"]
    assert abs(time.mktime(time.strptime(first["time"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - time.time()) < 60
    lines = admin("changes").splitlines()
    assert lines[0].split() == [column.upper() for column in COLUMNS] and len(lines) == 3
    table = list(csv.reader(io.StringIO(admin("changes", "--format=csv"))))
    assert table[0] == COLUMNS and table[1][5] == first["command"] and table[1][8] == "note,state"
    assert admin.run("changes", "--user", "auth0|é").stdout == "\n".join(lines) + "\n"


def test_many_pages_in_order(admin, redis, note):
    for number in range(250):
        note(ago=5, number=number, command=f"user set a note={number}", who="ann" if number % 50 else "bob")
    assert [row["command"].split("=")[1] for row in listed(admin)] == [str(number) for number in range(250)]
    assert [row["command"].split("=")[1] for row in listed(admin, "--who=bob")] == ["0", "50", "100", "150", "200"]
    redis("CONFIG", "RESETSTAT")
    listed(admin)
    assert "cmdstat_xrange:calls=3," in redis("INFO", "commandstats").decode()


def test_a_full_last_page(admin, note):
    for number in range(200):
        note(ago=5, number=number)
    assert len(listed(admin)) == 200


def test_from_and_to(admin, note):
    for ago in (7200, 3600, 60):
        note(ago=ago, command=str(ago))

    def told(*words):
        return [int(row["command"]) for row in listed(admin, *words)]

    assert told("--from", "90m") == [3600, 60]
    assert told("--from=90m", "--to=30m") == [3600]
    assert told("--to", str(NOW - 60)) == [7200, 3600], "from is of the time, to is before it"
    assert told("--from", str(NOW - 60)) == [60]
    assert told("--to=2001-01-31") == [] and told("--from=2001-01-31T12:00:00Z") == [7200, 3600, 60]


def test_of_a_record_of_a_user_by_somebody(admin, note):
    note(9, command="1", key="key:0123456789", user="a")
    note(8, command="2", key="user:{a}", user="a", who="bob")
    note(7, command="3", key="role:a", user="")

    def told(*words):
        return [row["command"] for row in listed(admin, *words)]

    assert told("--user=a") == ["1", "2"] and told("--key", "role:a") == ["3"]
    assert told("--key=reeve:user:{a}") == ["2"] and told("--who", "bob") == ["2"]
    assert told("--user=a", "--who=ann") == ["1"] and told("--user=A") == [] and told("--key=role:*") == []


HOSTILE = ["=1+1", "@SUM(1)", "+1", "-1", 'a"b', "a,b", "a\\b", "é|€", "'", "a\nb", "\x1b[2J", "a\tb", "row\tx", "(1-1"]


def test_whatever_stands_in_the_stream_is_told_safely(admin, redis, note):
    for number, text in enumerate(HOSTILE):
        note(9, number, who=text, command=text, key=text, user=text, before=text, after=text)
    redis("XADD", STREAM, "*", "other", "x")
    redis("XADD", STREAM, "18446744073709551615-1", "who", "x" * 9000)
    rows = listed(admin)
    assert len(rows) == len(HOSTILE) + 2 and rows[-1]["time"] == "?" and rows[-2]["who"] is None
    assert {"=1+1", "a\\x0ab", "\\x1b[2J", "a\\x09b", "row\\x09x", "é|€"} <= {row["command"] for row in rows}
    table = list(csv.reader(io.StringIO(admin("changes", "--format=csv"), newline="")))
    assert len(table) == len(HOSTILE) + 3 and all(len(row) == len(COLUMNS) for row in table)
    assert not [cell for row in table for cell in row if cell[:1] in "=+-@\t\r" and cell]
    assert "\x1b" not in admin("changes") and len(admin("changes").splitlines()) == len(HOSTILE) + 3


WRONG = ["--format=xml", "--from", "--from=", "--from=soon", "--to=-1", "--key=a --user=b", "all", "--wait", "--user=",
         "--from=2027-02-30"]  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_wrong_usage(admin, redis, words):
    admin.refuses("changes", *words.split(" "), status=2)


def test_no_file_is_left_and_without_redis_it_is_trouble(admin, note, tmp_path):
    note()
    admin.env["TMPDIR"] = str(tmp_path)
    admin("changes")
    admin.refuses("changes", "--from=x", status=2)
    admin.env["REEVE_REDIS"] = "redis://127.0.0.1:1"
    assert "redis: " in admin.refuses("changes", status=3)
    assert os.listdir(tmp_path) == []


def test_a_key_that_is_no_stream(admin, redis):
    redis("SET", STREAM, "x")
    assert "WRONGTYPE" in admin.refuses("changes", status=3)


def test_the_shipped_rights_are_enough(tmp_path):
    started = Server(tmp_path, "--include", str(ROOT / "contrib/redis-acl/reeve-users.conf"))
    try:
        Connection(started.path)("ACL", "SETUSER", "reeve-admin", "on", ">x")
        admin = Admin(f"redis://reeve-admin:x@127.0.0.1:{started.port}")
        admin("team", "set", "t")
        assert [row["key"] for row in listed(admin)] == ["team:t"]
    finally:
        started.stop()
