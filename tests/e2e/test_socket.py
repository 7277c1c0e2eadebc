"""reeved on a unix socket: its owner and mode, and what was there before."""

import os
import socket
import stat

import pytest

from harness.spop import Peer, passes_health_check
from harness.wait import wait_until


@pytest.fixture
def path(tmp_path):
    return tmp_path / "reeve.sock"


@pytest.fixture
def start_agent(start_stack, path):
    """start_agent(**options): one that listens on the socket as well, behind HAProxy."""

    def start(**options):
        stack = start_stack(agents=1, listens=[f"unix://{path}"], is_patient=True, **options)
        return stack.agents[0], stack.keys["alice"]

    return start


def verdict_over(path, key):
    with Peer.connect(str(path)) as peer:
        peer.greet()
        return peer.ask(1, key=key)["verdict"]


def leave_stale(path):
    """A socket that nobody listens on any more."""
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))


@pytest.mark.sanitized
def test_verdicts_and_checks_over_a_unix_socket(start_agent, path):
    _, key = start_agent()
    assert passes_health_check(str(path))
    assert verdict_over(path, key) == "allow"
    assert verdict_over(path, None) == "deny"


@pytest.mark.parametrize("mode", [0o660, 0o600, 0o666])
def test_mode_is_as_configured_whatever_the_umask(start_agent, path, mode):
    before = os.umask(0o077)
    try:
        start_agent(socket_mode=f"{mode:04o}")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_owner_and_group_are_as_configured(start_agent, path):
    start_agent(socket_owner="nobody", socket_group="daemon")
    assert (path.owner(), path.group()) == ("nobody", "daemon")


@pytest.mark.parametrize("name", ["socket_owner", "socket_group"])
def test_unknown_owner_is_refused(start_agent, path, name):
    agent, _ = start_agent()
    agent.terminate()
    agent.set(name, "no-such-name")
    agent.start(waits=False)
    assert agent.wait() == 1
    assert f'{name}: no such' in agent.log()
    assert not path.exists()


def test_stale_socket_is_replaced(start_agent, path):
    leave_stale(path)
    _, key = start_agent()
    assert verdict_over(path, key) == "allow"


def test_socket_left_by_kill_is_replaced(start_agent, path):
    agent, key = start_agent()
    agent.kill()
    assert path.is_socket()
    agent.start()
    assert verdict_over(path, key) == "allow"


def test_socket_is_gone_after_a_drain(start_agent, path):
    agent, _ = start_agent(drain_delay="0")
    assert agent.terminate() == 0
    assert not path.exists()


def test_file_in_the_way_is_kept(start_agent, path):
    agent, _ = start_agent(drain_delay="0")
    agent.terminate()
    path.write_text("precious")
    agent.start(waits=False)
    assert agent.wait() == 1
    assert "is not a socket" in agent.log()
    assert path.read_text() == "precious"


def test_socket_of_another_process_is_kept(start_agent, path):
    agent, _ = start_agent(drain_delay="0")
    agent.terminate()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        agent.start(waits=False)
        assert agent.wait() == 1
        assert "another process listens" in agent.log()
        socket.socket(socket.AF_UNIX).connect(str(path))
