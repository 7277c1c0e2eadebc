"""Redis is away under load: who is known goes on, who is not gets 503 in time, nothing grows."""

import time

import pytest
from crowd import key_text, mono_us
from harness import apikey
from harness.spop import Peer
from harness.wait import wait_until

RATE = 2000
DEADLINE_US = 150_000
STRANGER = apikey.with_checksum(f"rv_{'S' * 10}_{'m' * 32}")


def memory_kib(agent):
    """Without the spool, which is mapped."""
    with open(f"/proc/{agent.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


def p99_us(load):
    results = load.join()
    assert all(result["missing"] == 0 for result in results)
    return max(result["latency_us"]["p99"] for result in results)


def ask_stranger(agent):
    """(variables, microseconds)"""
    with Peer.connect(agent.address) as peer:
        peer.greet()
        begin = mono_us()
        variables = peer.ask(1, path="/v1/orders/7", key=STRANGER)
        return variables, mono_us() - begin


def freeze(crowd):
    crowd.redis.freeze()
    return crowd.redis.thaw


def kill(crowd):
    crowd.redis.kill()
    return crowd.redis.start


@pytest.mark.parametrize("stop", [freeze, kill])
def test_known_users_keep_their_verdicts(start_crowd, is_long, say, stop):
    seconds = 60 if is_long else 6
    crowd = start_crowd(agents=1, users=50)
    agent = crowd.agents[0]
    crowd.load(RATE, 2).join()
    normal_us = p99_us(crowd.load(RATE, seconds))
    before_kib = memory_kib(agent)

    load = crowd.load(RATE, seconds)
    time.sleep(0.5)
    begin = mono_us()
    resume = stop(crowd)
    strangers = []
    while mono_us() - begin < (seconds - 2) * 1_000_000:
        strangers.append(ask_stranger(agent))
        time.sleep(0.1)
    end = mono_us()
    resume()
    back = wait_until(
        lambda: ask_stranger(agent)[0]["reason"] == "bad_credential" and mono_us(), "an answer"
    )
    outage_us = p99_us(load)
    after_kib = memory_kib(agent)
    crowd.load(RATE, 1).join()
    crowd.terminate()

    away = [d for d in crowd.decisions() if begin <= d[0] <= end and d[1] >= 0]
    say(
        f"redis away for {(end - begin) / 1e6:.0f} s ({stop.__name__}): {len(away)} decisions for known users, "
        f"p99 {outage_us:.0f} us (normal {normal_us:.0f} us), slowest 503 "
        f"{max(us for _, us in strangers) / 1000:.0f} ms, back after {(back - end) / 1e6:.2f} s, "
        f"memory {before_kib} to {after_kib} KiB"
    )
    assert len(away) > RATE * (seconds - 3)
    assert {verdict for _, _, verdict, _ in away} == {"allow"}
    assert all(v["status"] == 503 and v["reason"] == "store_down" for v, _ in strangers)
    assert max(us for _, us in strangers) < DEADLINE_US + 50_000
    assert back - end < 2_000_000
    assert after_kib - before_kib < 1024
    if is_long:
        assert outage_us <= 2 * normal_us


def test_nobody_is_known_longer_than_max_stale(start_crowd):
    crowd = start_crowd(agents=1, max_stale="2s")
    crowd.load(RATE, 5)
    time.sleep(0.5)
    crowd.redis.kill()
    begin = mono_us()
    time.sleep(4)
    crowd.redis.start()
    crowd.loads[0].stop()
    crowd.terminate()
    allows = [at for at, _, verdict, _ in crowd.decisions() if verdict == "allow" and at > begin]
    denies = {reason for at, _, verdict, reason in crowd.decisions() if verdict == "deny"}
    assert 1_500_000 < max(allows) - begin < 2_100_000
    assert denies == {"store_down"}
