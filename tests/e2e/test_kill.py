"""kill -9 under load: every allow that HAProxy got is in the audit, exactly once."""

import collections
import os
import random
import subprocess

import pytest

from harness.agent import BUILD
from harness.load import Load
from harness.wait import wait_until

SEED = 9
ROUNDS, ROUNDS_LONG = 10, 200


def assert_sequences_are_unique(agent):
    places = collections.Counter(
        (record["boot"], record["worker"], record["seq"]) for record in agent.audit()
    )
    assert [place for place, count in places.items() if count > 1] == []


@pytest.mark.sanitized
def test_every_allow_is_audited_once_across_kills(start_stack, is_long):
    stack = start_stack(drain_delay="0")
    chance = random.Random(SEED)
    with Load(stack.address, stack.mixed()) as load:
        for _ in range(ROUNDS_LONG if is_long else ROUNDS):
            agent = chance.choice(stack.agents)
            seen, more = len(load.answers), chance.randint(20, 200)
            wait_until(
                lambda seen=seen, more=more: len(load.answers) > seen + more, "load", 30.0
            )
            agent.kill()
            agent.start()
    stack.terminate_agents()

    assert load.wrongly_allowed() == []
    allowed = load.allowed_rids()
    assert len(allowed) > 200
    audited = stack.audited_allows()
    assert [rid for rid in allowed if audited[rid] != 1] == []
    assert [rid for rid, count in audited.items() if count > 1] == []
    for agent in stack.agents:
        assert_sequences_are_unique(agent)


def cut_off_what_was_not_synced(agent, synced):
    """As a loss of power does to the audit; the spool is in memory, and gone."""
    sizes = {}
    for line in synced.read_text().splitlines():
        inode, size = map(int, line.split())
        sizes[inode] = size
    for path in agent.audit_path.parent.glob(f"{agent.audit_path.name}*"):
        os.truncate(path, sizes.get(path.stat().st_ino, 0))
    for path in agent.spool_path.iterdir():
        path.unlink()


def test_no_durable_allow_is_lost_with_what_was_not_synced(start_stack, tmp_path, is_long):
    synced = tmp_path / "synced"
    prefix = ["env", f"LD_PRELOAD={BUILD / 'libfaultlib.so'}", f"REEVE_SYNCED={synced}"]
    stack = start_stack(agents=1, prefix=prefix, drain_delay="0", audit_mode="durable")
    agent, chance = stack.agents[0], random.Random(SEED)
    with Load(stack.address, stack.mixed()) as load:
        for _ in range(ROUNDS_LONG if is_long else ROUNDS):
            seen, more = len(load.answers), chance.randint(20, 200)
            wait_until(
                lambda seen=seen, more=more: len(load.answers) > seen + more, "load", 30.0
            )
            agent.kill()
            cut_off_what_was_not_synced(agent, synced)
            agent.start()
    stack.terminate_agents()
    assert load.wrongly_allowed() == []
    allowed = load.allowed_rids()
    assert len(allowed) > 50
    audited = stack.audited_allows()
    assert [rid for rid in allowed if audited[rid] != 1] == []
    files = sorted(agent.audit_path.parent.glob(f"{agent.audit_path.name}*"))
    told = subprocess.run(
        [BUILD / "reevectl", "audit", "verify", *files], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout


def test_all_agents_killed_at_once_under_load(start_stack):
    """Nothing is let in while nobody is there, and what was let in before is in the audit."""
    stack = start_stack(drain_delay="0")
    with Load(stack.address, stack.mixed()) as load:
        wait_until(lambda: len(load.answers) > 200, "load")
        for agent in stack.agents:
            agent.kill()
        served = len(stack.upstream.received)
        seen = len(load.answers)
        wait_until(lambda: len(load.answers) > seen + 20, "answers without agents", 30.0)
        # Requests whose verdict was there before the kill may still have been on their way.
        assert len(stack.upstream.received) - served <= len(load.threads)
        for agent in stack.agents:
            agent.start()
        wait_until(lambda: load.answers[-1][1] == 200, "allows to come back")
    stack.terminate_agents()
    audited = stack.audited_allows()
    assert [rid for rid in load.allowed_rids() if audited[rid] != 1] == []
