"""reevectl audit grep, tail and report: on lines that are written here, and on those of an agent."""

import csv
import io
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter

import pytest

from harness import reevectl
from harness.apikey import key_id
from harness.stack import Stack
from harness.wait import wait_until

pytestmark = pytest.mark.sanitized

BOOT = "0123456789abcdef0123456789abcdef"
TIME = "2026-11-25T{:02}:00:00.000000Z"


def line(sequence, kind="decision", hour=8, **fields):
    """As agent/audit/line.h has it."""
    begin = {"v": 1, "type": kind, "time": TIME.format(hour), "agent": "gw", "boot": BOOT, "worker": 0}
    whole = {**begin, "seq": sequence, "gate": "*", **fields}
    return json.dumps(whole, separators=(",", ":"))


def decision(sequence, verdict="allow", reason="ok", status=200, user="alice", **fields):
    more = {"src": "10.0.0.1", "host": "a", "method": "GET", "path": "/v1/a", "user": user}
    return line(sequence, **{**more, "verdict": verdict, "status": status, "reason": reason, **fields})


def header(segment):
    return json.dumps({"v": 1, "type": "segment", "boot": BOOT, "segment": segment}, separators=(",", ":"))


LINES = [
    decision(1, team="red", credential="key:aaaaaaaaaa", rule="reader/10"),
    decision(2, hour=9, team="red", credential="key:aaaaaaaaaa#2", path="/v1/a/b", rule="reader/10"),
    decision(3, "throttle", "quota", 429, limit="daily", team="red", credential="key:aaaaaaaaaa", hour=10),
    decision(4, "deny", "no_rule", 403, "bob", credential="jwt:corp:00ff", path="/admin", gate="x"),
    decision(5, "allow", "no_rule", 200, "bob", credential="jwt:corp:11ff", shadow="deny:no_rule"),
    line(6, "count", 12, src="10.0.0.0/24", verdict="deny", status=401, reason="no_credential", count=40,
         first=TIME.format(11), last=TIME.format(13)),
    line(7, "checkpoint", hash="00", list=[1, {"a": 2}]),
    line(8, "audit_gap", count=3),
    decision(9, path='/v1/"q"\\x\u2028\x1b[31m', user="carol", credential="cert:" + "0" * 64),
]  # fmt: skip


def put(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    return put(tmp_path_factory.mktemp("audit") / "audit.jsonl", LINES)


def sequences(done):
    return [json.loads(text)["seq"] for text in done.stdout.splitlines()]


FILTERS = [
    ("", [1, 2, 3, 4, 5, 6, 9]),
    ("--user alice", [1, 2, 3]),
    ("--user alice --user bob", [1, 2, 3, 4, 5]),
    ("--user alic", []),
    ("--team red --verdict allow", [1, 2]),
    ("--verdict deny", [4, 6]),
    ("--reason no_rule", [4, 5]),
    ("--status 429", [3]),
    ("--gate x", [4]),
    ("--credential key:aaaaaaaaaa", [1, 2, 3]),
    ("--credential key:aaaaaaaaaa#2", [2]),
    ("--credential key:aaaaaaaaa", []),
    ("--credential jwt:corp", [4, 5]),
    ("--credential jwt:corp:11ff", [5]),
    ("--path /v1/a", [1, 3, 5]),
    ("--path /v1/**", [1, 2, 3, 5, 9]),
    ("--path /v1/{x}", [1, 3, 5, 9]),
    ("--from 2026-11-25T09", [2, 3, 6]),
    ("--to 2026-11-25T09", [1, 4, 5, 9]),
    ("--from 2026-11-25T09:00:00 --to 2026-11-25T10", [2]),
    ("--from 2026-11-26", []),
    ("--to 2026-11", []),
]


@pytest.mark.parametrize("words, wanted", FILTERS, ids=[row[0] or "all" for row in FILTERS])
def test_grep_finds_what_is_meant(audit, words, wanted):
    done = reevectl.run("audit", "grep", *words.split(), "--json", audit)
    assert sequences(done) == wanted
    assert done.returncode == (0 if wanted else 1)
    assert done.stderr == ""


def test_json_is_the_line_itself_and_text_acts_on_no_terminal(audit):
    done = reevectl.run("audit", "grep", "--json", "--user", "carol", audit)
    assert done.stdout == LINES[8] + "\n"
    done = reevectl.run("audit", "grep", "--user", "carol", audit)
    assert all(" " <= c <= "~" for c in done.stdout.rstrip("\n"))
    assert "carol GET a/v1/" in done.stdout and "\\u001b[31m" in done.stdout


@pytest.mark.parametrize("words", [
    "audit grep", "audit tail", "audit report", "audit grep --user", "audit grep --what x f", "audit tail -f f",
    "audit grep --config a f", "audit grep --from yesterday f", "audit grep --path a f", "audit tail -n x f",
    "audit grep --path /a --path /b f", "audit report --from 1.5h f",
])  # fmt: skip
def test_wrong_usage_is_told(tmp_path, words):
    done = reevectl.run(*words.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: reevectl audit" in done.stderr


def test_files_that_are_not_there(tmp_path):
    for command in ("grep", "tail", "report"):
        done = reevectl.run("audit", command, tmp_path / "none")
        assert done.returncode == 2 and "none: No such file" in done.stderr


BROKEN = [
    "", "{}", "x", LINES[0][:-1], LINES[0] + "}", LINES[0].replace('"seq":1,', ""), LINES[0].replace(":1", ":-1"),
    LINES[0].replace('"alice"', '"al\\xice"'), LINES[0].replace('"alice"', '"al\tice"'), " " + LINES[0],
    LINES[0].replace(",", ", ", 3), LINES[0].replace('"alice"', "[1]"), LINES[0].replace('"alice"', "nil"),
    LINES[0].replace('"alice"', '"\\u12"'), LINES[5].replace(":40", ":99999999999999999999"), "\0" * 10,
    '{"v":2' + LINES[0][6:], LINES[0] + LINES[1], "x" * 200_000,
    LINES[0].replace("T08", "t08"), LINES[0].replace("T08", "T24"), LINES[0].replace("Z", ""),
    LINES[0].replace("-25T", "-2 T"), LINES[5].replace("T13", "T13:"), LINES[0].replace('"user":', '"user:'),
    LINES[0].replace('"worker":0', '"worker":00'), LINES[0].replace('"seq":1', '"seq":01'),
    *(LINES[0][:-1] + more + "}" for more in (',"user":"bob"', ',"us\\u0065r":"bob"', ',"type":"audit_gap"',
                                              ',"path_raw":"/"', ',"id":"a","id":"b"')),
]  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN, ids=range(len(BROKEN)))
def test_broken_lines_are_named_and_the_others_count(tmp_path, broken):
    path = put(tmp_path / "a", [LINES[0], broken, LINES[3]])
    done = reevectl.run("audit", "report", "--json", path)
    assert done.returncode == 2
    assert f"{path}:2: no line of the audit" in done.stderr
    assert json.loads(done.stdout)["requests"] == 2
    done = reevectl.run("audit", "grep", "--json", path)
    assert (done.returncode, sequences(done)) == (2, [1, 4])


# Beside quote, backslash and control characters, some that differ from them by one or by the first bit.
NEIGHBOURS = ['"', "\\", "\n", "!", "#", "[", "]", " ", "\x7f", "\x80", "\xa2", "\xdc", "\u2028"]


def test_texts_are_read_whatever_stands_where(tmp_path):
    """A reader that takes eight bytes at once has to find each of them in each place, in runs too."""
    names = {"x" * before + c * times + "x" * behind for c in NEIGHBOURS for before in range(9)
             for times in (1, 2, 9) for behind in (0, 1, 8)}  # fmt: skip
    path = tmp_path / "a"
    path.write_text("\n".join(json.dumps(json.loads(decision(n, user=name)), separators=(",", ":"), ensure_ascii=False)
                              for n, name in enumerate(names, 1)) + "\n")  # fmt: skip
    done = reevectl.run("audit", "report", "--json", path)
    assert (done.returncode, done.stderr) == (0, "")
    read = {user["name"]: user["requests"] for user in json.loads(done.stdout)["users"]}  # as they stand there
    assert read == {json.dumps(name, ensure_ascii=False)[1:-1]: 1 for name in names}


@pytest.mark.parametrize("place", range(9))
def test_what_must_be_escaped_is_found_in_each_place(tmp_path, place):
    lines = [decision(1, user="NAME").replace("NAME", "x" * place + c + "x" * 9) for c in '"\\\t\x00\x1f']
    done = reevectl.run("audit", "report", "--json", put(tmp_path / "a", lines))
    assert done.returncode == 2 and json.loads(done.stdout)["broken_lines"] == len(lines)


def test_members_may_come_and_go_from_line_to_line(tmp_path):
    """And in any order, behind the first ones, some of them unknown."""
    chance = random.Random(5)
    lines, wanted = [], Counter()
    for number in range(1, 2001):
        begin, fields = {"v": 1, "type": "decision"}, json.loads(decision(number, user=f"u{number % 7}"))
        more = {key: fields[key] for key in fields if key not in begin and (key != "user" or number % 3)}
        more |= {name: number for name in ("id", "new", "tl", "tls_", "verdicts") if chance.random() < 0.3}
        order = chance.sample(list(more), len(more)) if number % 2 else list(more)
        lines.append(json.dumps(begin | {key: more[key] for key in order}, separators=(",", ":")))
        wanted[more.get("user", "")] += 1
    done = reevectl.run("audit", "report", "--json", put(tmp_path / "a", lines))
    assert (done.returncode, done.stderr) == (0, "")
    assert Counter({user["name"]: user["allow"] for user in json.loads(done.stdout)["users"]}) == wanted


READ_BYTES = 1024 * 1024  # at once


def test_what_a_line_that_is_too_long_holds_is_no_line(tmp_path):
    head = LINES[0] + "\n"
    path = put(tmp_path / "a", [head + "x" * (READ_BYTES - len(head)) + LINES[1], LINES[2]])
    done = reevectl.run("audit", "grep", "--json", path)
    assert (done.returncode, sequences(done)) == (2, [1, 3])
    assert done.stderr == f"reevectl: {path}:2: no line of the audit\n"
    assert sequences(reevectl.run("audit", "grep", "--json", "-", stdin=path.read_text())) == [1, 3]


@pytest.mark.parametrize("command", ["grep", "report", "tail"])
def test_what_can_not_be_read_is_no_end(tmp_path, command):
    done = reevectl.run("audit", command, tmp_path)
    assert done.returncode == 2 and "Is a directory" in done.stderr


def test_a_last_line_without_an_end_is_still_being_written(tmp_path):
    path = tmp_path / "a"
    path.write_text(LINES[0] + "\n" + LINES[1][:50])
    done = reevectl.run("audit", "grep", "--json", path)
    assert (done.returncode, sequences(done), done.stderr) == (0, [1], "")
    done = reevectl.run("audit", "grep", "--json", path, put(tmp_path / "b", [LINES[2]]))
    assert (done.returncode, sequences(done)) == (2, [1, 3])


# ---- report ----


def test_report_counts(audit):
    done = reevectl.run("audit", "report", "--json", audit)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert (report["requests"], report["allow"], report["throttle"], report["deny"]) == (46, 4, 1, 41)
    assert (report["lines"], report["lines_of_other_types"], report["records_lost"]) == (9, 1, 3)
    users = {user["name"]: user for user in report["users"]}
    assert set(users) == {"", "alice", "bob", "carol"}
    alice = users["alice"]
    assert (alice["requests"], alice["allow"], alice["throttle"], alice["team"]) == (3, 2, 1, "red")
    assert (alice["first"], alice["last"]) == (TIME.format(8), TIME.format(10))
    assert [(one["name"], one["requests"]) for one in alice["credentials"]] == [("key:aaaaaaaaaa", 3)]
    assert [(one["name"], one["requests"]) for one in alice["limits"]] == [("daily", 1)]
    assert {one["name"]: one["requests"] for one in alice["reasons"]} == {"ok": 2, "quota": 1}
    assert (users["bob"]["observed"], users["bob"]["allow"]) == (1, 1)
    assert [(one["name"], one["requests"]) for one in users["bob"]["credentials"]] == [("jwt:corp", 2)]
    nobody = users[""]
    assert (nobody["deny"], nobody["first"], nobody["last"]) == (40, TIME.format(11), TIME.format(13))
    assert [team["name"] for team in report["teams"]] == ["red"]


# Of alice, bob and alice; bob's and alice's last one were not told. As an agent writes it: nobody is identified again.
SUPERSEDED = [
    decision(1, team="red", rule="reader/10"),
    decision(2, user="bob", team="red", rule="reader/10"),
    decision(3, team="red", path="/v1/b"),
    line(4, "superseded", 9, src="10.0.0.1", method="GET", verdict="deny", status=503, reason="deadline", supersedes=2),
    line(5, "superseded", 9, src="10.0.0.1", method="GET", verdict="deny", status=503, reason="overload", supersedes=3),
]
TOLD = [  # filter, requests, allow, deny, users
    ("", 3, 1, 2, {"alice": [1, 1], "bob": [0, 1]}),
    ("--verdict allow", 1, 1, 0, {"alice": [1, 0]}),
    ("--verdict deny", 2, 0, 2, {"alice": [0, 1], "bob": [0, 1]}),
    ("--verdict deny --user alice", 1, 0, 1, {"alice": [0, 1]}),
    ("--user bob", 1, 0, 1, {"bob": [0, 1]}),
    ("--reason deadline", 1, 0, 1, {"bob": [0, 1]}),
    ("--reason ok", 1, 1, 0, {"alice": [1, 0]}),
    ("--path /v1/b", 1, 0, 1, {"alice": [0, 1]}),
    ("--status 200", 1, 1, 0, {"alice": [1, 0]}),
    ("--to 2026-11-25T09", 3, 1, 2, {"alice": [1, 1], "bob": [0, 1]}),
    ("--from 2026-11-25T09", 0, 0, 0, {}),
]


def numbers(report):
    users = {user["name"]: [user["allow"], user["deny"]] for user in report["users"]}
    return report["requests"], report["allow"], report["deny"], users


@pytest.mark.parametrize("words, requests, allow, deny, users", TOLD, ids=[row[0] or "all" for row in TOLD])
def test_an_allow_that_was_not_told_counts_as_what_was(tmp_path, words, requests, allow, deny, users):
    paths = put(tmp_path / "a", SUPERSEDED[:3]), put(tmp_path / "b", SUPERSEDED[3:])
    done = reevectl.run("audit", "report", "--json", *words.split(), *paths)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert numbers(report) == (requests, allow, deny, users)
    assert report["lines"] == 5
    assert sum(reason["requests"] for user in report["users"] for reason in user["reasons"]) == requests


def test_what_was_told_counts_where_the_allow_is_gone(tmp_path):
    """Its segment was removed, or it is of another agent's life: then nobody knows who asked."""
    other = json.loads(SUPERSEDED[3]) | {"boot": "f" * 32, "seq": 9}
    path = put(tmp_path / "a", [SUPERSEDED[0], *SUPERSEDED[3:], json.dumps(other, separators=(",", ":"))])
    report = json.loads(reevectl.run("audit", "report", "--json", path).stdout)
    assert numbers(report) == (4, 1, 3, {"alice": [1, 0], "": [0, 3]})


def test_what_was_told_counts_once_where_it_was_written_twice(tmp_path):
    again = [json.dumps(json.loads(text) | {"redelivered": True}, separators=(",", ":")) for text in SUPERSEDED]
    done = reevectl.run("audit", "report", "--json", put(tmp_path / "a", SUPERSEDED + again))
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert numbers(report)[:3] == (3, 1, 2) and report["records_repeated"] == 5


def test_allows_that_were_not_told_are_no_secret_of_a_pipe(tmp_path):
    """What comes once can not be counted anew, so the report says what is wrong with it."""
    done = reevectl.run("audit", "report", "--json", "-", stdin="\n".join(SUPERSEDED) + "\n")
    assert done.returncode == 2 and "2 allows were not told, and are counted" in done.stderr
    assert json.loads(done.stdout)["requests"] == 3
    done = reevectl.run("audit", "report", "--json", "-", stdin=SUPERSEDED[0] + "\n")
    assert (done.returncode, done.stderr) == (0, "")


def test_broken_lines_are_named_once_where_it_is_read_twice(tmp_path):
    path = put(tmp_path / "a", [*SUPERSEDED, "x"])
    done = reevectl.run("audit", "report", "--json", path)
    assert done.returncode == 2 and done.stderr == f"reevectl: {path}:6: no line of the audit\n"
    report = json.loads(done.stdout)
    assert (report["broken_lines"], report["requests"], report["allow"]) == (1, 3, 1)


def test_grep_gives_records_as_they_stand(tmp_path):
    path = put(tmp_path / "a", SUPERSEDED)
    assert sequences(reevectl.run("audit", "grep", "--json", "--verdict", "allow", path)) == [1, 2, 3]
    assert sequences(reevectl.run("audit", "grep", "--json", "--reason", "deadline", path)) == [4]


def test_a_record_that_was_written_twice_counts_once(tmp_path):
    """After a sync that failed; the first copy may be there or not."""
    again = [decision(2, redelivered=True), decision(3, redelivered=True), decision(4)]
    path = put(tmp_path / "a", [decision(1), decision(2), *again])
    report = json.loads(reevectl.run("audit", "report", "--json", path).stdout)
    assert (report["requests"], report["allow"], report["records_repeated"]) == (4, 4, 1)
    assert "1 told twice" in reevectl.run("audit", "report", path).stdout


def test_report_of_a_filter_from_stdin(audit):
    done = reevectl.run("audit", "report", "--json", "--user", "bob", "-", stdin=audit.read_text())
    report = json.loads(done.stdout)
    assert report["requests"] == 2 and [user["name"] for user in report["users"]] == ["bob"]


@pytest.mark.parametrize("evil", ["=1+1", "+1", "-1", "@x", "\\tx", '=a","b'])
def test_csv_begins_no_formula(tmp_path, evil):
    text = decision(1, user="USER").replace("USER", evil.replace('"', '\\"'))
    done = reevectl.run("audit", "report", "--csv", put(tmp_path / "a", [text]))
    head, row = list(csv.reader(io.StringIO(done.stdout)))
    assert head[:4] == ["what", "name", "team", "requests"] and len(row) == len(head)
    assert not any(cell[:1] in tuple("=+-@\t\r") for cell in row if cell)
    assert row[3] == "1"


def test_sources_are_counted_within_a_bound(tmp_path):
    path = put(tmp_path / "a", [decision(n, src=f"10.0.{n // 250}.{n % 250}") for n in range(1, 1001)])
    (user,) = json.loads(reevectl.run("audit", "report", "--json", path).stdout)["users"]
    assert len(user["sources"]) == 64 and user["of_more_sources"] == 1000 - 64


# ---- rotation ----


def config_of(folder):
    (folder / "spool").mkdir()
    config = folder / "reeve.conf"
    config.write_text(
        f'gate "*" {{ accept = {{apikey}} }}\naudit_file = "{folder}/audit.jsonl"\nspool_dir = "{folder}/spool"\n'
    )
    return config


def test_segments_are_read_in_their_order(tmp_path):
    config = config_of(tmp_path)
    put(tmp_path / "audit.jsonl", [decision(11)])  # begun, and not told to be a segment yet
    for number in (2, 1, 9):
        put(tmp_path / f"audit.jsonl.{number:08}", [header(number), decision(number)])
    put(tmp_path / "audit.jsonl-2026.old", [header(10), decision(10)])  # renamed by somebody else
    put(tmp_path / "audit.jsonl.removed", [header(3)])
    for other in ("audit.jsonl.1", "other.jsonl.00000001", "audit.jsonl.00000008"):
        put(tmp_path / other, ["nonsense"])
    done = reevectl.run("audit", "grep", "--json", "--config", config)
    assert (sequences(done), done.returncode, done.stderr) == ([1, 2, 9, 10, 11], 0, "")
    assert sequences(reevectl.run("audit", "tail", "--json", "-n", 2, "--config", config)) == [11]


def test_tail_gives_the_last(audit):
    assert sequences(reevectl.run("audit", "tail", "--json", "-n", 2, audit)) == [6, 9]
    assert sequences(reevectl.run("audit", "tail", "--json", "-n", 2, "--user", "alice", audit)) == [2, 3]
    assert sequences(reevectl.run("audit", "tail", "--json", audit)) == [1, 2, 3, 4, 5, 6, 9]


@pytest.fixture
def start_tail(tmp_path):
    """start_tail(): follows the audit file, from its last record on."""
    config, children = config_of(tmp_path), []

    def start():
        child = subprocess.Popen(
            [reevectl.PROGRAM, "audit", "tail", "-f", "-n", "1", "--json", "--config", config],
            stdout=subprocess.PIPE, text=True)  # fmt: skip
        os.set_blocking(child.stdout.fileno(), False)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()


class Followed:
    """An audit file that is written and rotated."""

    def __init__(self, path):
        self.path, self.seen, self.sequence, self.segment = path, [], 0, 0
        self.begin()

    def begin(self):
        self.segment += 1
        self.path.write_text(header(self.segment) + "\n")

    def write(self, count=1):
        with self.path.open("a") as file:
            for _ in range(count):
                self.sequence += 1
                file.write(decision(self.sequence) + "\n")

    def expect(self):
        def has_all():
            self.seen += [json.loads(text)["seq"] for text in iter(self.tail.stdout.readline, "")]
            return self.seen == list(range(self.first, self.sequence + 1))

        wait_until(has_all, f"all up to {self.sequence}, not {self.seen[-5:]}")


def test_tail_follows_over_rotations(start_tail, tmp_path):
    path = tmp_path / "audit.jsonl"
    followed = Followed(path)
    followed.write(3)
    followed.tail, followed.first = start_tail(), 3
    followed.expect()
    followed.write()
    followed.expect()
    for number in range(1, 6):
        followed.write(2)
        path.rename(tmp_path / f"audit.jsonl.{number:08}")
        followed.begin()
        followed.write(number % 2)
    followed.expect()
    path.rename(tmp_path / "audit.jsonl-elsewhere")
    followed.begin()
    followed.write()
    followed.expect()
    followed.begin()  # cut
    followed.write()
    followed.expect()
    with path.open("a") as file:
        file.write(decision(followed.sequence + 1))
        file.flush()
        time.sleep(0.3)
        file.write("\n")
    followed.sequence += 1
    followed.expect()


def test_tail_tells_what_was_gone_before_it_was_read(tmp_path):
    config = config_of(tmp_path)
    followed = Followed(tmp_path / "audit.jsonl")
    followed.write()
    with subprocess.Popen(
        [reevectl.PROGRAM, "audit", "tail", "-f", "--json", "--config", config],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:  # fmt: skip
        assert json.loads(child.stdout.readline())["seq"] == 1
        child.send_signal(signal.SIGSTOP)
        for _ in range(2):
            followed.begin()
            followed.write()
        child.send_signal(signal.SIGCONT)
        assert "gone before it was read" in child.stderr.readline()
        assert json.loads(child.stdout.readline())["seq"] == 3
        child.kill()


# ---- with the store ----


def test_report_of_an_agents_audit_tells_what_was_never_used(tmp_path):
    stack = Stack(tmp_path, agents=1)
    try:
        stack.start()
        for path, user in [("/v1/orders/7", "alice"), ("/admin", "bob")]:
            stack.fetch(path, user=user)
        wait_until(lambda: len(stack.audit()) >= 2, "two records")
        gate = 'gate "*" { accept = {apikey} }\n'
        config = reevectl.reader_config(tmp_path, stack.redis, stack.agents[0].audit_path, gate)
        spare = stack.admin.issue("alice")
        done = reevectl.run("audit", "report", "--json", "-f", config)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert [f"{rule['role']}/{rule['id']}" for rule in sorted(report["unused_rules"], key=str)] == [
            "writer/10", "writer/20"]  # fmt: skip
        assert [key["id"] for key in report["unused_keys"]] == [key_id(spare)]
        (alice,) = [user for user in report["users"] if user["name"] == "alice"]
        assert abs(alice["credentials"][0]["created"] - time.time()) < 300
        rows = csv.reader(io.StringIO(reevectl.run("audit", "report", "--csv", "-f", config, "--from", "1h").stdout))
        unused = {(row[0], row[1], row[-1]) for row in rows if row[0].startswith("unused")}
        assert ("unused key", key_id(spare), "alice") in unused and len(unused) == 3
        for filter_ in (["--user", "alice"], ["--path", "/v1/**"]):  # others have no records then, and are used
            done = reevectl.run("audit", "report", "--json", "-f", config, *filter_)
            told = json.loads(done.stdout)
            assert done.returncode == 0 and "unused_keys" not in told and "unused_rules" not in told
            assert "created" in told["users"][0]["credentials"][0]
            assert "unused" not in reevectl.run("audit", "report", "--csv", "-f", config, *filter_).stdout
        text = reevectl.run("audit", "report", "-f", config).stdout
        assert f"{key_id(spare)} of alice" in text and "0 days old" in text
        stack.redis.stop()
        done = reevectl.run("audit", "report", "--json", "-f", config)
        told = json.loads(done.stdout)
        assert done.returncode == 2 and told["requests"] == report["requests"] and "unused_keys" not in told
    finally:
        stack.stop()
