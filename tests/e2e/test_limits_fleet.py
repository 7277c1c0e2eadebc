"""Limits with several agents, and when Redis or an agent goes away.

Quotas are per month, so that hardly a run crosses the end of a window.
"""

import re
import signal
import time

import pytest

from harness.load import Load
from harness.redis import Redis
from harness.wait import wait_until

PATH = "/v1/orders/7"


def add_limit(stack, *fields, name="limit"):
    """A limit, and a user of it with a key: not asked for before, so every agent knows it at once."""
    stack.admin("limit", "set", name, *fields)
    stack.admin("role", "set", f"of-{name}", f"limits={name}")
    stack.admin("role", "rule", "set", f"of-{name}", "10", "allow * * /v1/**")
    stack.admin("user", "add", f"user-{name}", f"roles=of-{name}")
    stack.keys[name] = stack.admin.issue(f"user-{name}")
    return name


def used(stack, name="limit"):
    return stack.admin.usage(f"user-{name}")[name]


def wait_for_use(stack, units, name="limit", timeout=10.0):
    wait_until(lambda: used(stack, name) == units, f"{units} used, not {used(stack, name)}", timeout)


def allowed(load):
    return len(load.allowed_rids())


def load_of(stack, name="limit", **options):
    return Load(stack.address, [(PATH, stack.keys[name], 200)], **options)


@pytest.mark.sanitized
@pytest.mark.parametrize("agents", [1, 2])
def test_agents_share_a_quota_exactly(start_stack, agents):
    """To the last unit: what one agent holds in vain it gives back, and another takes it."""
    stack = start_stack(agents=agents, is_patient=True)
    add_limit(stack, "quota=300", "per=month")
    with load_of(stack) as load:
        wait_until(lambda: allowed(load) == 300, "the quota to be spent", 30.0)
        seen = len(load.answers)
        wait_until(lambda: len(load.answers) > seen + 300, "refusals")
    assert load.statuses() == {200, 429}
    assert allowed(load) == 300
    assert used(stack) == 300
    assert len(stack.upstream.received) == 300


def test_agents_share_a_cost(start_stack):
    stack = start_stack(is_patient=True)
    add_limit(stack, "quota=100", "per=month", name="dear")
    stack.admin("role", "rule", "set", "of-dear", "10", "allow * * /v1/** cost=7")
    with load_of(stack, "dear") as load:
        wait_until(lambda: allowed(load) == 14, "the quota to be spent", 30.0)
        seen = len(load.answers)
        wait_until(lambda: len(load.answers) > seen + 100, "refusals")
    assert allowed(load) == 14
    wait_for_use(stack, 98, "dear")


def test_most_requests_ask_redis_nothing(start_stack):
    stack = start_stack(is_patient=True)
    add_limit(stack, "quota=1000000", "per=month")
    with load_of(stack, count=100) as load:
        load.join()
    before = calls_of_scripts(stack)
    with load_of(stack, count=2000) as load:
        load.join()
    assert load.statuses() == {200}
    assert calls_of_scripts(stack) - before < 200
    wait_for_use(stack, 2100)


def calls_of_scripts(stack):
    stats = stack.redis.command("INFO", "commandstats")
    return sum(int(found) for found in re.findall(r"cmdstat_eval(?:sha)?:calls=(\d+)", stats))


OUTAGES = {
    "deny": ("deny", 0),
    "budget": ("budget:2%", 20),
    "allow": ("allow", 40),
}


@pytest.mark.sanitized
@pytest.mark.parametrize("case", OUTAGES)
def test_redis_away(start_stack, case):
    """First what is leased, then what on_store_down says; all of it is in `used` afterwards."""
    policy, extra = OUTAGES[case]
    # Records outlive the outage, so that limits decide.
    stack = start_stack(agents=1, is_patient=True, max_age="60s")
    add_limit(stack, "quota=1000", "per=month", f"on_store_down={policy}")
    first = stack.fetch(PATH, key=stack.keys["limit"])
    assert first.status == 200
    leased = int(re.search(r";r=(\d+)", first.header("RateLimit"))[1])
    assert leased > 0
    stack.redis.kill()

    answers = [stack.fetch(PATH, key=stack.keys["limit"]) for _ in range(leased + 40)]
    admitted = [answer for answer in answers if answer.status == 200]
    assert len(admitted) == leased + extra
    assert answers[: len(admitted)] == admitted, "all of it at first"
    for answer in answers[len(admitted) :]:
        assert (answer.status, answer.problem()["reason"]) == (503, "store_down")
        assert stack.audit_of(answer.rid)["limit"] == "limit"
    marked = [stack.audit_of(answer.rid)["limits"].endswith("!") for answer in admitted]
    assert marked == [False] * leased + [True] * extra

    stack.redis.start()
    wait_for_use(stack, 1 + len(admitted), timeout=20.0)
    # Redis has counted it before the agent has the reply.
    wait_until(lambda: stack.fetch(PATH, key=stack.keys["limit"]).status == 200, "the limit to be back")


def test_budget_is_shared_by_the_workers_of_an_agent(start_stack):
    stack = start_stack(agents=1, is_patient=True, max_age="60s", workers="2")
    add_limit(stack, "quota=1000", "per=month", "on_store_down=budget:3%")
    # Every worker knows the records.
    with load_of(stack, count=200) as load:
        load.join()
    wait_for_use(stack, 200)
    stack.redis.kill()
    with load_of(stack) as load:
        wait_until(lambda: len(load.answers) > 300, "answers")
    assert load.statuses() == {200, 503}
    assert allowed(load) <= 30
    stack.redis.start()
    wait_for_use(stack, 200 + allowed(load), timeout=20.0)


def test_redis_away_for_long_denies_whatever_the_policy(start_stack):
    """Without records nobody is known: max_age and max_stale are what an outage policy can bridge."""
    stack = start_stack(agents=1, max_stale="0")
    add_limit(stack, "quota=1000", "per=month", "on_store_down=allow")
    assert stack.fetch(PATH, key=stack.keys["limit"]).status == 200
    stack.redis.kill()
    wait_until(lambda: stack.fetch(PATH, key=stack.keys["limit"]).status == 503, "max_age", 5.0)


@pytest.mark.sanitized
def test_grant_waits_for_a_replica(start_stack, tmp_path):
    stack = start_stack(agents=1, is_patient=True, grant_replicas="1")
    add_limit(stack, "quota=1000", "per=month")
    answer = stack.fetch(PATH, key=stack.keys["limit"])
    assert (answer.status, answer.problem()["reason"]) == (503, "store_down")
    assert stack.fetch(PATH, user="alice").status == 200, "has no limit"

    folder = tmp_path / "replica"
    folder.mkdir()
    host, port = stack.redis.address
    replica = Redis(folder, [f"replicaof {host} {port}"])
    replica.start()
    try:
        wait_until(
            lambda: stack.fetch(PATH, key=stack.keys["limit"]).status == 200, "the replica", 20.0
        )
        assert replica.command("HEXISTS", "reeve:used:{user:user-limit}:limit", "used") == "1"
        replica.kill()
        wait_until(
            lambda: stack.fetch(PATH, key=stack.keys["limit"]).status == 503, "the lease to end", 20.0
        )
    finally:
        replica.stop()


@pytest.mark.sanitized
def test_redis_restarts_under_load_and_nothing_is_admitted_twice(start_stack):
    stack = start_stack(is_patient=True)
    add_limit(stack, "quota=2000", "per=month")
    with load_of(stack) as load:
        for _ in range(3):
            seen = allowed(load)
            wait_until(lambda seen=seen: allowed(load) > seen + 100, "load", 30.0)
            stack.redis.kill()
            stack.redis.start()
        wait_until(lambda: allowed(load) >= 1800, "the quota to be spent", 60.0)
        seen = len(load.answers)
        wait_until(lambda: len(load.answers) > seen + 1000, "refusals", 30.0)
    assert allowed(load) <= 2000
    assert len(stack.upstream.received) <= 2000


@pytest.mark.sanitized
def test_sigterm_gives_leases_back(start_stack):
    """Under load: `used` is what was admitted, whatever was leased when the agents were told to end."""
    stack = start_stack(is_patient=True, drain_delay="0")
    add_limit(stack, "quota=1000000", "per=month")
    with load_of(stack) as load:
        wait_until(lambda: len(load.answers) > 500, "load", 30.0)
        assert used(stack) > allowed(load), "leased ahead"
        for agent in stack.agents:
            agent.signal(signal.SIGTERM)
        for agent in stack.agents:
            assert agent.wait(30.0) == 0
    admitted = sum(record["verdict"] == "allow" for record in stack.audit())
    assert admitted >= allowed(load)
    assert used(stack) == admitted


@pytest.mark.sanitized
def test_killed_agents_only_under_admit(start_stack, is_long):
    """kill -9 loses what was leased and nothing else: `used` is never less than what was admitted."""
    stack = start_stack(is_patient=True)
    add_limit(stack, "quota=3000", "per=month")
    rounds = 10 if is_long else 4
    with load_of(stack) as load:
        for number in range(rounds):
            agent = stack.agents[number % 2]
            seen = allowed(load)
            wait_until(
                lambda seen=seen: allowed(load) > seen + 50 or used(stack) == 3000, "load", 30.0
            )
            agent.kill()
            agent.start()
            admitted = allowed(load)
            assert used(stack) >= admitted
        wait_until(lambda: used(stack) == 3000, "the quota to be taken", 60.0)
        seen = len(load.answers)
        wait_until(lambda: len(load.answers) > seen + 300, "refusals", 30.0)
    assert allowed(load) <= len(stack.upstream.received) <= 3000
    stack.terminate_agents()
    audited = sum(record["verdict"] == "allow" for record in stack.audit())
    assert allowed(load) <= audited <= 3000


def test_rate_of_any_burst_is_leased(start_stack):
    """Not only multiples of ten."""
    stack = start_stack(agents=1, is_patient=True)
    add_limit(stack, "rate=100005/s")
    before = calls_of_scripts(stack)
    with load_of(stack, count=1000) as load:
        load.join()
    assert load.statuses() == {200}
    assert calls_of_scripts(stack) - before < 300


def test_rate_is_kept_by_several_agents(start_stack):
    """Over the whole run: rate x time + burst."""
    stack = start_stack(is_patient=True)
    add_limit(stack, "rate=100/s", "burst=50")
    begin = time.monotonic()
    with load_of(stack) as load:
        wait_until(lambda: allowed(load) > 250, "some seconds", 30.0)
    assert len(stack.upstream.received) <= 100 * (time.monotonic() - begin) + 50
    assert load.statuses() == {200, 429}
