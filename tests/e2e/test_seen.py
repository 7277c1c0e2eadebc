"""Agents write when credentials were last used: with the rights that ship, seldom, and without anybody
waiting for it."""

import re
import subprocess
import time

import pytest

from harness.apikey import key_id
from harness.redis import ACL, AGENT_USER
from harness.wait import wait_until


def seen(stack, key):
    """{field: value} of the key's last uses."""
    words = stack.redis.command("HGETALL", f"reeve:seen:key:{key_id(key)}").split("\n")
    return dict(zip(words[::2], words[1::2]))


def wait_for(stack, key, *fields):
    wait_until(lambda: set(fields) <= seen(stack, key).keys(), f"{fields} to be seen")
    return seen(stack, key)


def test_both_secrets_of_a_key_and_who_saw_them(start_stack):
    stack = start_stack(agents=1)
    old, began = stack.keys["alice"], int(time.time())
    assert seen(stack, stack.keys["bob"]) == {}
    assert stack.fetch(user="alice").status == 200
    first = wait_for(stack, old, "hash")
    assert set(first) == {"hash", "hash_by"} and first["hash_by"] == "agent1"
    assert began <= int(first["hash"]) <= time.time()
    ttl = int(stack.redis.command("TTL", f"reeve:seen:key:{key_id(old)}"))
    assert 399 * 86400 < ttl <= 400 * 86400

    new = stack.admin("--wait=20", "key", "rotate", key_id(old), "overlap=1h")
    assert stack.fetch(key=new).status == 200
    assert "hash2" not in seen(stack, old)
    assert stack.fetch(key=old).status == 200
    assert int(wait_for(stack, old, "hash2")["hash2"]) >= int(first["hash"])
    assert "last use by hash2: 20" in stack.admin("key", "show", key_id(old))
    assert stack.fetch(key=None).status == 401
    assert stack.redis.command("KEYS", "reeve:seen:*") == f"reeve:seen:key:{key_id(old)}"


@pytest.fixture
def count_notes(tmp_path):
    """watch(stack) notes what Redis does from now on; gives what counts the last uses written since."""
    started = []

    def watch(stack):
        path = tmp_path / "monitor"
        host, port = stack.redis.address
        with path.open("wb") as out:
            started.append(subprocess.Popen(["redis-cli", "-h", host, "-p", str(port), "MONITOR"], stdout=out))
        wait_until(lambda: path.read_bytes().startswith(b"OK"), "MONITOR to be answered")

        def count():
            stack.redis.command("ECHO", "so far")
            wait_until(lambda: b'"so far"' in path.read_bytes(), "what was done to be told")
            return len(re.findall(rb'lua\] "HGET" "reeve:seen:', path.read_bytes()))

        return count

    yield watch
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("workers", [1, 4])
def test_an_agent_writes_a_busy_credential_once_a_minute(start_stack, count_notes, workers):
    stack = start_stack(agents=1, workers=workers)
    count = count_notes(stack)
    for _ in range(200):
        assert stack.fetch(user="alice").status == 200
    wait_for(stack, stack.keys["alice"], "hash")
    time.sleep(0.5)
    # A slow machine may take more than a minute for so many.
    assert 1 <= count() <= 2


def test_without_the_right_to_write_all_is_decided_as_ever(start_stack):
    """Redis's users are older than the agents."""
    stack = start_stack(seen_interval="1s", is_patient=True)
    (user,) = [line for line in ACL.read_text().splitlines() if line.startswith(f"user {AGENT_USER} ")]
    keys = [word for word in user.split() if word[0] in "~%" and "seen" not in word]
    stack.redis.command("ACL", "SETUSER", AGENT_USER, "resetkeys", *keys)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert stack.fetch(user="alice").status == 200
        assert stack.fetch(user="bob", path="/admin").status == 403
    for agent in stack.agents:
        assert "seen: the last use of a credential is not written" in agent.log()
        assert agent.log().count("store: connected to") == 1
    assert stack.redis.command("KEYS", "reeve:seen:*") == ""


def test_off_is_off(start_stack, count_notes):
    stack = start_stack(seen_interval="0")
    count = count_notes(stack)
    assert stack.fetch(user="alice").status == 200
    assert count() == 0
    assert stack.redis.command("KEYS", "reeve:seen:*") == ""
