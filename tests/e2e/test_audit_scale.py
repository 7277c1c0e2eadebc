"""Large audits, made by an agent's own spools and writer, are proved and reported in seconds."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest

from harness import reevectl
from harness.agent import BUILD

pytestmark = pytest.mark.sanitized

RECORD_BYTES = 700  # at most, with its part of the proof
MEMORY_KIB = 300 * 1024
SECONDS_FOR_A_MILLION = 6
SECONDS_TO_START = 0.2
IS_TIMED = 1_000_000  # records; fewer are read before the clock tells much


class Cost(NamedTuple):
    cpu_s: float
    wall_s: float
    kib: int


def make(folder, count, *options):
    """The files of an audit of so many records."""
    words = [str(BUILD / "audit_make"), str(folder), str(count), *map(str, options)]
    subprocess.run(words, check=True, timeout=900)
    return sorted(folder.glob("audit.jsonl*"))


# A process of its own, and a small one: what a child had at most begins with what its parent has.
LAUNCHER = """
import json, os, subprocess, sys, time
begin = time.monotonic()
child = subprocess.Popen(sys.argv[1:])
_, status, used = os.wait4(child.pid, 0)
wall = time.monotonic() - begin
print(json.dumps([used.ru_utime + used.ru_stime, wall, used.ru_maxrss]), file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""


def measure(*words):
    """(what it printed, Cost)."""
    command = [sys.executable, "-c", LAUNCHER, reevectl.PROGRAM, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout, Cost(*json.loads(done.stderr.splitlines()[-1]))


def check(text, report, count):
    proof = text.splitlines()[-1]
    assert proof.startswith(f"ok  {count} records") and proof.endswith("; 0 faults")
    strangers = throttled = count // 20
    assert report["requests"] == report["lines"] - report["lines_of_other_types"] == count
    assert (report["deny"], report["throttle"]) == (strangers, throttled)
    assert report["allow"] == count - strangers - throttled
    assert (len(report["users"]), len(report["teams"])) == (1997 + 1, 20)
    assert sum(user["requests"] for user in report["users"]) == count


@pytest.fixture
def folder(tmp_path):
    yield tmp_path
    shutil.rmtree(tmp_path)  # pytest would keep it


@pytest.mark.parametrize("count", [
    20_000, pytest.param(1_000_000, marks=pytest.mark.long), pytest.param(10_000_000, marks=pytest.mark.long),
])  # fmt: skip
def test_records_are_proved_and_reported_in_seconds(folder, count, is_long, say):
    if shutil.disk_usage(folder).free < 2 * count * RECORD_BYTES:
        pytest.skip(f"{count} records need {2 * count * RECORD_BYTES >> 20} MiB of disk")
    files = make(folder, count)
    size = sum(file.stat().st_size for file in files)
    assert size < count * RECORD_BYTES
    text, verify = measure("audit", "verify", "--public-key", folder / "audit.pub", *files)
    report, told = measure("audit", "report", "--json", *files)
    check(text, json.loads(report), count)
    for name, cost in (("verify", verify), ("report", told)):
        say(f"audit {name}: {count} records, {size >> 20} MiB in {cost.cpu_s:.2f} s of CPU, {cost.wall_s:.2f} s, "
            f"{cost.kib >> 10} MiB of memory")  # fmt: skip
    if BUILD.name == "release":
        bound = SECONDS_TO_START + SECONDS_FOR_A_MILLION * count / 1_000_000
        assert verify.cpu_s + told.cpu_s < bound
        assert max(verify.kib, told.kib) < MEMORY_KIB
        if is_long and count >= IS_TIMED:  # then nothing else is running
            assert verify.wall_s + told.wall_s < bound


# ---- what a terminal shows ----


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    return make(tmp_path_factory.mktemp("audit"), 5000, 1024 * 1024)


def on_terminal(*words):
    """(exit status, what the terminal is sent, in pieces that begin at the line's beginning)."""
    master, slave = pty.openpty()
    with subprocess.Popen([reevectl.PROGRAM, *map(str, words)], stdout=slave, stderr=slave) as child:
        os.close(slave)
        shown = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # EIO: nobody has the other end any more
                break
            shown += piece
        os.close(master)
    return child.returncode, re.split(r"[\r\n]+", shown.decode())


def bars_of(pieces):
    return [piece for piece in pieces if piece.startswith("[")]


@pytest.mark.parametrize("command", ["verify", "report"])
def test_progress_is_drawn_on_a_terminal_and_cleared(audit, command):
    status, pieces = on_terminal("audit", command, *audit)
    assert status == 0
    bars = bars_of(pieces)
    percents = [int(bar.rpartition("]")[2].strip(" %")) for bar in bars]
    assert len(percents) > 1 and percents == sorted(set(percents)) and percents[-1] <= 100
    width = len(bars[0])
    assert {len(bar) for bar in bars} == {width}
    after = pieces[pieces.index(bars[-1]) + 1]
    assert after.strip() == "" and len(after) >= width


@pytest.mark.parametrize("command", ["verify", "report"])
def test_no_progress_is_drawn_elsewhere(audit, command):
    done = reevectl.run("audit", command, *audit)
    assert (done.returncode, done.stderr) == (0, "") and "\r" not in done.stdout


@pytest.mark.parametrize("command, word, status", [("verify", "fault ", 1), ("report", "reevectl: ", 2)])
def test_what_is_wrong_does_not_stand_in_the_bar(audit, tmp_path, command, word, status):
    for file in audit:
        shutil.copy(file, tmp_path)
    files = sorted(tmp_path.glob("audit.jsonl*"))
    before, mark, after = files[-1].read_text().rpartition('{"v":1,"type":"decision"')
    files[-1].write_text(before + mark.replace("1", "2") + after)
    got, pieces = on_terminal("audit", command, *files)
    assert got == status
    assert bars_of(pieces) and not any(word in bar for bar in bars_of(pieces))
    assert [piece for piece in pieces if piece.startswith(word)]
