"""U: the audit. Its file, its disk, its end."""

import json
import os
import signal
import threading
import time

from agent_rows import FAULTS, calls_fail, served_all_the_same, were_struck
from harness.wait import wait_until
from store_rows import all_are_served
from table import LONG, Row
from world import ORDERS, Caller

DURABLE = {"audit_mode": "durable", "faults": True}
SLOW_S = 2.0
ROTATIONS, ROTATIONS_LONG = 20, 1000
# What is written at once goes into one segment, and its checkpoint behind it.
SEGMENT_BYTES, BLOCK_BYTES, PROOF_BYTES = 16 * 1024, 64 * 1024, 1024
CALLERS = 3


def no_allow_is_told(world):
    """No sync is made in time: who would be allowed waits for the deadline, who is not does not."""
    world.faults.strike("fdatasync", every=1, delay_s=SLOW_S)
    wait_until(lambda: world.faults.hits("fdatasync") > 0 or not world.ask("alice"), "a sync")
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        begin = time.monotonic()
        stranger = world.ask_stranger()
        assert stranger.verdict != "allow"
        assert stranger.reason != "deadline", "a denial waited for the disk"
        assert time.monotonic() - begin < SLOW_S / 2, "the loop is blocked"
        if time.monotonic() < end - 0.5:
            answer = world.ask("alice")
            assert (answer.verdict, answer.status) == ("deny", 503), answer
            assert answer.reason == "deadline"


def superseded_allows_are_recorded(world):
    world.heal()
    wait_until(lambda: any("supersedes" in one for one in world.agent.audit_lines()), "a record of it")
    lines = world.agent.audit_lines()
    taken = {(one["boot"], one["worker"], one["supersedes"]) for one in lines if "supersedes" in one}
    allows = {(one["boot"], one["worker"], one["seq"]) for one in lines if one.get("verdict") == "allow"}
    assert taken, "nothing was taken back"
    assert taken <= allows, "what was taken back was no allow"


def new_segments_take_over(world):
    wait_until(lambda: world.faults.hits("fdatasync") > 2, "syncs to fail")
    all_are_served(world)
    segments = {line["segment"] for line in world.agent.audit_lines() if line["type"] == "segment"}
    assert len(segments) > 1, "no new segment"
    assert any(line.get("redelivered") for line in world.agent.audit_lines())


def rotate(how, count_long=ROTATIONS):
    def inject(world):
        path = world.agent.audit_path
        for number in range(count_long if world.is_long else ROTATIONS):
            world.ask("alice")
            wait_until(lambda: path.exists() and path.stat().st_size > 0, "the audit file")
            how(world, path, path.with_name(f"{path.name}.9{number:07}"))

    return inject


def rename(world, path, other):
    path.rename(other)
    world.agent.signal(signal.SIGHUP)


def written(world, answer):
    return any(record.get("rid") == answer.rid for record in world.agent.audit())


def copy_and_truncate(world, path, other):
    """While nothing comes: what is written between the two is the copier's loss."""
    world.stop_load()
    last = world.ask("alice")
    wait_until(lambda: written(world, last), "all to be written")
    other.write_bytes(path.read_bytes())
    with open(path, "r+b") as file:
        file.truncate(0)
    world.start_load()
    world.ask("alice")


def remove_after_a_copy(world, path, other):
    world.stop_load()
    last = world.ask("alice")
    wait_until(lambda: written(world, last), "all to be written")
    other.hardlink_to(path)
    path.unlink()
    world.start_load()


def closed_segments(world):
    path = world.agent.audit_path
    return sorted(path.parent.glob(f"{path.name}.*"))


def ask_until(is_over, world):
    caller = Caller(world)
    while not is_over.is_set():
        caller.ask("alice")
    caller.close()


def outgrow(world):
    """A segment holds about thirty records, and nobody pauses."""
    wanted = ROTATIONS_LONG if world.is_long else ROTATIONS
    is_over = threading.Event()
    threads = [threading.Thread(target=ask_until, args=(is_over, world)) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(closed_segments(world)) >= wanted, f"{wanted} rotations", 300)
    finally:
        is_over.set()
        for thread in threads:
            thread.join(20)


def segments_have_their_size(world):
    all_are_served(world)
    for number, path in enumerate(closed_segments(world), 1):
        assert path.name.endswith(f".{number:08}"), "one is missing"
        assert SEGMENT_BYTES <= path.stat().st_size < SEGMENT_BYTES + BLOCK_BYTES + PROOF_BYTES, path


def refuses_to_start(prepare, *words):
    def play(world):
        world.start_without_agent()
        prepare(world.agent)
        world.agent.start(waits=False)
        assert world.agent.wait() != 0, "it started"
        assert world.log_has(*words), world.agent.log()

    return play


def make_fifo(agent):
    os.mkfifo(agent.audit_path)


def make_folder(agent):
    agent.audit_path.mkdir()


def long_path(world):
    world.ask("alice", path=ORDERS + "x" * 5000, owed=True)


def is_cut_and_says_so(world):
    wait_until(lambda: any(one.get("truncated") for one in world.agent.audit()), "the record")
    record = next(one for one in world.agent.audit() if one.get("truncated"))
    line = next(line for line in world.agent.audit_path.read_bytes().split(b"\n") if b"truncated" in line)
    assert len(line) < 16384
    assert json.loads(line) == record


def step_back(world):
    for _ in range(5):
        world.ask("alice")
    world.clocks["agent"].step(world.base_us - 3600 * 10**6)


def sequences_rise(world):
    last = world.ask("alice")
    wait_until(lambda: written(world, last), "the record")
    before = {}
    went_back = False
    for record in world.agent.audit():
        place = record["boot"], record["worker"]
        if place in before:
            assert record["seq"] == before[place]["seq"] + 1
            assert record["mono_us"] >= before[place]["mono_us"]
            went_back |= record["time"] < before[place]["time"]
        before[place] = record
    assert went_back, "the clock did not step"


def fill_spool(world):
    """Nothing can be written until the spool is full."""
    world.faults.strike("write", every=1, error="ENOSPC", kind="file")
    asked = len(world.answers)
    # The log is a file too. A record has more than 150 bytes.
    wait_until(lambda: len(world.answers) > asked + 64 * 1024 / 150, "the spool to be full", 30)


def goes_on_and_counts(world):
    assert world.ask("alice").verdict == "allow"
    world.heal()

    def gaps():
        return [record["count"] for record in world.agent.audit() if record["type"] == "audit_gap"]

    wait_until(gaps, "the gap to be recorded")


def end_with_a_gap(world):
    """As many answers are not in the audit as the gap says, and not more."""
    world.stop_load()
    assert world.agent.terminate() == 0
    records = list(world.records())
    told = {record.get("rid") for record in records}
    missing = sum(one.rid not in told for one in world.answers)
    counted = sum(record["count"] for record in records if record["type"] in ("audit_gap", "count"))
    assert 0 < missing <= counted
    world.verify()


def play_gap(world):
    world.start()
    world.warm_up()
    world.start_load()
    fill_spool(world)
    goes_on_and_counts(world)
    end_with_a_gap(world)


AUDIT = "test_audit"
SYSLOG = "test_syslog"

ROWS = [
    Row("U01", "ENOSPC on each write to the file", "served from the spool; all is written afterwards",
        calls_fail("write", every=1, error="ENOSPC", kind="file"), served_all_the_same("write"),
        options=FAULTS),
    Row("U01", "the file's disk is full until the spool is, behind HAProxy", "denied; nothing is lost",
        tests=[(AUDIT, "test_full_audit_file_denies_and_loses_nothing")], tier=LONG),
    Row("U02", "EIO on every second write", "no record twice, none lost, no torn line",
        calls_fail("write", every=2, error="EIO", kind="file"), served_all_the_same("write"),
        options=FAULTS),
    Row("U03", "EIO on fdatasync", "never tried again on that file: a new segment, from the spool",
        calls_fail("fdatasync", nth=3, every=40, error="EIO"), new_segments_take_over, options=DURABLE),
    Row("U04", "a sync takes 2 s", "the loop goes on; allows wait for the deadline, then are denied",
        no_allow_is_told, superseded_allows_are_recorded, may_be_late=True, options=DURABLE),
    Row("U05", "rotated by renaming and SIGHUP", "no record is lost", rotate(rename, ROTATIONS_LONG),
        all_are_served),
    Row("U05", "closed by its size, again and again", "no record is lost", outgrow, segments_have_their_size,
        options={"audit_segment_size": f"{SEGMENT_BYTES // 1024}KiB"}),
    Row("U05", "copied and truncated", "no record is lost", rotate(copy_and_truncate), all_are_served,
        tier=LONG),
    Row("U05", "removed", "what comes afterwards goes into a new file", rotate(remove_after_a_copy),
        all_are_served, tier=LONG),
    Row("U06", "audit_file can not be opened", "no start",
        play=refuses_to_start(make_folder, "audit_file", "directory")),
    Row("U07", "audit_file is a FIFO without a reader", "no start, and no waiting",
        play=refuses_to_start(make_fifo, "audit_file", "not a regular file")),
    Row("U07", "a syslog server that reads nothing", "no verdict waits; nothing is lost",
        tests=[(SYSLOG, "test_a_reader_that_reads_nothing_holds_up_no_verdict")]),
    Row("U08", "a syslog server that is gone, restarted, and the agent killed", "told once; nothing is lost but of UDP",
        tests=[(SYSLOG, "test_a_server_that_is_gone_is_told_once_and_found_again"),
               (SYSLOG, "test_nothing_is_missing_over_kills_outages_and_rotations")]),
    Row("U09", "Fluent Forward without acknowledgement", "-", absent="there is no such sink"),
    Row("U10", "a stream in Redis that can not be written", "-", absent="there is no such sink"),
    Row("U11", "kill -9 in the middle of a write", "no allow without its record",
        tests=[("test_kill", "test_every_allow_is_audited_once_across_kills")]),
    Row("U12", "power loss: what was not synced is gone", "no allow without its record, durable",
        tests=[("test_kill", "test_no_durable_allow_is_lost_with_what_was_not_synced")]),
    Row("U13", "the spool is full, on_audit_full = count", "served; the gap says how many records are missing",
        play=play_gap, options={"faults": True, "spool_size": "64KiB", "on_audit_full": "count"}),
    Row("U14", "a path longer than a record may be", "cut, and says so", long_path, is_cut_and_says_so),
    Row("U15", "any bytes in every text", "a line is one valid JSON document",
        tests=[(AUDIT, "test_case_76_every_line_is_json_whatever_the_arguments_hold")]),
    Row("U16", "the clock steps back by an hour", "sequences rise; both clocks are recorded", step_back,
        sequences_rise, options={"clocks": ("agent", "redis")}),
    Row("U17", "the end is cut off; all else: tests/unit/audit/tampering.c", "verification names it",
        tests=[(AUDIT, "test_audit_of_a_busy_and_killed_agent_verifies")]),
    Row("U18", "each write takes 7 bytes; ENOSPC at each byte: tests/unit/audit/batch.c", "the same results",
        calls_fail("write", every=1, most=7, kind="file"), served_all_the_same("write"), options=FAULTS),
]  # fmt: skip
