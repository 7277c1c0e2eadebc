"""What must hold in every row is looked at: a world in which it does not hold is found out."""

import pytest
from harness.spop import Peer
from harness.wait import wait_until
from world import SMALL_QUOTA, World


@pytest.fixture
def start(tmp_path):
    worlds = []

    def start_world(**options):
        worlds.append(World(tmp_path, **options))
        worlds[-1].start()
        worlds[-1].warm_up()
        return worlds[-1]

    yield start_world
    for world in worlds:
        world.stop()


def test_nothing_is_wrong_without_a_fault(start):
    start().end()


def test_an_allow_without_right_is_found(start):
    world = start()
    world.put("role:reader", {"rule:20": "allow GET * /admin"})
    wait_until(lambda: world.ask("alice", "/admin", owed=False).verdict == "allow", "the new rule")
    with pytest.raises(AssertionError, match="allowed without right"):
        world.end()


def test_a_quota_that_is_over_is_found(start):
    world = start(limit={"quota": SMALL_QUOTA + 1, "per": "month"})
    for _ in range(SMALL_QUOTA + 1):
        world.ask("dan")
    with pytest.raises(AssertionError, match=f"of {SMALL_QUOTA} admitted"):
        world.end()


def test_late_answers_are_found(start):
    world = start(deadline="2s", store_timeout="1900ms")
    world.redis.freeze()
    for _ in range(3):
        assert world.ask_stranger().is_down
        world.proxy.cut_all()
    world.redis.thaw()
    with pytest.raises(AssertionError, match="took|late"):
        world.assert_nothing_was_wrong()


def test_descriptors_that_stay_are_found(start):
    world = start()
    peers = [Peer.connect(world.agent.address) for _ in range(3)]
    for peer in peers:
        peer.greet()
    with pytest.raises(AssertionError, match="descriptors"):
        world.assert_back_to_base(timeout=0.5)


def test_an_answer_that_is_not_in_the_audit_is_found(start):
    world = start()
    world.answers[-1].reason = "rule_denied"
    with pytest.raises(AssertionError, match="the audit says"):
        world.assert_audited()
