"""The connection that tells of changes goes silent, breaks, or leads elsewhere."""

import time

import pytest
from chaos_proxy import ChaosProxy
from crowd import key_id, mono_us

RATE = 500


def disable(crowd, number):
    crowd.store("HSET", f"reeve:key:{key_id(number)}", "state", "disabled")
    return mono_us()


def last_allow_us(crowd, number, since):
    """How long after `since` the user was let in."""
    allows = [at for at, user, verdict, _ in crowd.decisions() if user == number and verdict == "allow"]
    return max(allows) - since


def test_a_black_hole_is_noticed_and_records_are_read_again(start_crowd, say):
    """The data connection works on: what is known is asked for again after max_age."""
    crowd = start_crowd(agents=2, proxy=ChaosProxy, max_age="500ms", max_stale="60s")
    crowd.load(RATE, 6)
    time.sleep(1)
    crowd.proxy.deaf_to = b"PING"
    time.sleep(0.3)
    since = disable(crowd, 0)
    time.sleep(3)
    crowd.loads[0].stop()
    crowd.terminate()
    late_us = last_allow_us(crowd, 0, since)
    say(f"black hole: a revoked key was let in for {late_us / 1000:.0f} ms, max_age 500 ms")
    assert late_us < 700_000
    assert all("no pong in time" in agent.log() for agent in crowd.agents)


def test_without_any_link_nobody_is_known_longer_than_max_stale(start_crowd, say):
    crowd = start_crowd(agents=2, proxy=ChaosProxy, max_stale="2s")
    crowd.load(RATE, 7)
    time.sleep(1)
    crowd.proxy.asks.is_held = crowd.proxy.replies.is_held = True
    since = disable(crowd, 0)
    time.sleep(4)
    crowd.loads[0].stop()
    crowd.proxy.heal()
    crowd.terminate()
    late_us = last_allow_us(crowd, 0, since)
    say(f"cut off: a revoked key was let in for {late_us / 1000:.0f} ms, max_stale 2000 ms")
    assert 1_500_000 < late_us < 2_300_000
    reasons = {reason for at, _, verdict, reason in crowd.decisions() if at > since + 2_500_000}
    assert reasons == {"store_down"}


@pytest.mark.parametrize("way", ["cut", "kill of the client"])
def test_a_broken_link_hides_no_change(start_crowd, way):
    """The change is made while nobody is told."""
    crowd = start_crowd(agents=2, proxy=ChaosProxy)
    crowd.load(RATE, 8)
    time.sleep(1)
    if way == "cut":
        crowd.proxy.accepts = "refuse"
        crowd.proxy.cut_all()
    else:
        crowd.store("CLIENT", "KILL", "TYPE", "pubsub")
    since = disable(crowd, 0)
    time.sleep(0.5)
    crowd.proxy.accepts = "serve"
    time.sleep(3)
    crowd.loads[0].stop()
    end = mono_us()
    crowd.terminate()
    assert last_allow_us(crowd, 0, since) < 2_000_000
    final = {(user, verdict) for at, user, verdict, _ in crowd.decisions() if at > end - 500_000}
    assert {user for user, verdict in final if verdict == "allow"} == set(crowd.users) - {0}


def test_flushall_leaves_nobody_in(start_crowd):
    crowd = start_crowd(agents=2)
    crowd.load(RATE, 5)
    time.sleep(1)
    crowd.store("FLUSHALL")
    since = mono_us()
    time.sleep(1.5)
    crowd.loads[0].stop()
    crowd.terminate()
    allows = [at for at, _, verdict, _ in crowd.decisions() if verdict == "allow"]
    assert max(allows) - since < 50_000
