"""A receipt says the truth: every agent that it counts decides by the change, the others are named."""

import subprocess
import time

from crowd import key_id, key_text
from harness.admin import PROGRAM
from harness.spop import Peer, notify, request_arguments


def receipt(crowd, *words):
    """(exit status, what it said, seconds)"""
    begin = time.monotonic()
    done = subprocess.run(
        [str(PROGRAM), *words], env=crowd.admin.env, capture_output=True, text=True, check=False,
        timeout=30,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr, time.monotonic() - begin


def ask(agent, number):
    with Peer.connect(agent.address) as peer:
        peer.greet()
        return peer.ask(1, path="/v1/orders/7", key=key_text(number))["verdict"]


def test_all_agents_apply_and_say_so(start_crowd, say):
    crowd = start_crowd(workers=2)
    crowd.load(300, 20)
    for number in crowd.users:
        for agent in crowd.agents:
            assert ask(agent, number) == "allow"
        status, said, seconds = receipt(crowd, "key", "revoke", key_id(number), "--wait")
        assert status == 0, said
        assert "4/4 agents" in said
        for agent in crowd.agents:
            assert ask(agent, number) == "deny"
    say(f"receipt: {said.strip().splitlines()[-1]}; reeve-admin took {seconds * 1000:.0f} ms")


def test_killed_and_frozen_agents_are_named(start_crowd):
    crowd = start_crowd()
    crowd.agents[1].kill()
    crowd.agents[2].freeze()
    status, said, _ = receipt(crowd, "user", "disable", "u0", "--wait=1")
    assert status == 1, said
    assert "2/4 agents" in said
    assert "a1" in said and "a2" in said and "a0" not in said and "a3" not in said
    crowd.agents[2].thaw()
    assert ask(crowd.agents[2], 0) == "deny"
    crowd.agents[1].start()
    crowd.wait_until_told([crowd.agents[1]], times=2)
    status, said, _ = receipt(crowd, "user", "disable", "u1", "--wait")
    assert (status, "4/4 agents" in said) == (0, True), said


def test_an_agent_that_ended_well_is_not_waited_for(start_crowd):
    crowd = start_crowd()
    assert crowd.agents[3].terminate() == 0
    status, said, _ = receipt(crowd, "user", "disable", "u0", "--wait")
    assert (status, "3/3 agents" in said) == (0, True), said


def test_an_allow_on_its_way_out_holds_the_receipt_up(start_crowd):
    """A HAProxy that does not read: what was decided for it before the change is not sent yet."""
    crowd = start_crowd(agents=1, write_timeout="20s")
    agent = crowd.agents[0]
    with Peer.connect(agent.address) as peer:
        peer.greet(size=16380)
        peer.sock.setblocking(False)
        sent = 0
        try:
            while sent < 200000:
                frame = notify(
                    sent + 1, request_arguments(path="/v1/orders/7", key=key_text(0))
                )
                sent += 1
                if peer.sock.send(frame) < len(frame):
                    break
        except BlockingIOError:
            pass
        time.sleep(0.3)
        status, said, _ = receipt(crowd, "key", "disable", key_id(0), "--wait=1")
        assert (status, "0/1 agents" in said) == (1, True), said
    status, said, _ = receipt(crowd, "key", "disable", key_id(1), "--wait")
    assert (status, "1/1 agents" in said) == (0, True), said
