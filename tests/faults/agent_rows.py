"""A: the agent's process. Descriptors, memory, calls that fail, signals, clocks."""

import os
import signal
import subprocess
import time
from datetime import datetime, timezone

from chaos_proxy import ChaosProxy
from harness import spop
from harness.wait import wait_until
from store_rows import SCRIPT, all_are_served, answers_to_strangers
from table import LONG, Row
from world import MIB, ORDERS, Caller, key_of

HOUR_S = 3600
# Of accept(), in a second; a busy loop makes many thousands.
ATTEMPTS_MOST = 50
GARBAGE = {"deep": b"*1\r\n" * 20000}


# Calls that fail.


def calls_fail(*functions, **how):
    def inject(world):
        for function in functions:
            world.faults.strike(function, **how)

    return inject


def were_struck(*functions):
    """As often as it takes to matter."""

    def check(world):
        for function in functions:
            assert world.faults.hits(function) > 0, f"{function} was not called"

    return check


def served_all_the_same(*functions):
    def check(world):
        all_are_served(world)
        were_struck(*functions)(world)

    return check


def new_peers_wait(world):
    """Those who are connected are served, and nothing spins."""
    begin = time.monotonic()
    late = spop.Peer.connect(world.agent.address)
    late.send(spop.hello())
    while time.monotonic() < begin + 0.8:
        assert world.ask("alice").verdict == "allow"
    assert not late.is_readable(within=0)
    were_struck("accept4")(world)
    attempts = world.faults.hits("accept4") / (time.monotonic() - begin)
    assert attempts < ATTEMPTS_MOST, f"{attempts:.0f} attempts a second"
    world.faults.heal()
    assert late.receive().kind == spop.AGENT_HELLO
    late.close()


def losing_peers_is_survived(world):
    """They connect again. What was decided and not delivered is in the audit as it was decided."""
    until = time.monotonic() + 0.8
    while time.monotonic() < until:
        world.caller.ask("alice")
    were_struck("send")(world)
    assert world.agent.is_running()


ALLOCATORS = ("malloc", "calloc", "realloc")
# In so much time each connection to the store is used again: what was left broken shows.
PING_S = 0.08
# Each a new peer, a new user with a limit, and a denial.
WORK_MOST = 60


def work(world):
    """Whatever of it is answered is answered rightly; the world looks at that in the end."""
    user = world.add_user(f"user{next(Caller.numbers)}", limits="large")
    caller = Caller(world)
    for path, owed in ((ORDERS, True), ("/admin", False)):
        caller.ask(user, path, owed=owed)
    caller.close()


# How libev, hiredis 0.14 and libconfuse 3.3 end where they have no memory.
LIBRARY_ENDS = (-signal.SIGABRT, -signal.SIGSEGV)


def out_of_memory(is_for_ever, kind):
    """The n-th allocation from here on fails, for all n, until the work needs fewer: of the agent's own code,
    which bears it, or any, where some libraries end the process."""

    def come_back(world):
        answer = world.caller.ask("alice")
        if not world.agent.is_running():
            code = world.agent.wait()
            assert kind == "any" and code in LIBRARY_ENDS, code
            world.agent.start()
        return answer and answer.verdict == "allow"

    def play(world):
        world.start()
        world.warm_up()
        for function in ALLOCATORS:
            for nth in range(1, WORK_MOST):
                hits = world.faults.hits(function)
                how = {"every": int(is_for_ever), "error": "ENOMEM", "kind": kind}
                world.faults.strike(function, nth=nth, **how)
                work(world)
                world.faults.heal()
                if function == "malloc":
                    time.sleep(PING_S)
                work(world)
                wait_until(lambda: come_back(world), f"service after {function} {nth}")
                if world.faults.hits(function) == hits:
                    break
            else:
                raise AssertionError(f"{function}: never done with less than {WORK_MOST}")
        were_struck("malloc", "calloc")(world)
        world.end()

    return play


def out_of_memory_at_start(world):
    """It ends, or serves. Samples of all n: 7 of each function, 150 in the long tier."""
    world.start_without_agent()
    world.agent.start()
    counts = {function: world.faults.calls(function) for function in ALLOCATORS}
    world.agent.terminate()
    for function, count in counts.items():
        step = max(1, count // (150 if world.is_long else 7))
        for nth in range(1 + world.dice.randrange(step), count + 1, step):
            world.faults.start_anew()
            world.faults.strike(function, nth=nth, every=1, error="ENOMEM", is_total=True)
            said = len(world.agent.log())
            world.agent.start(waits=False)
            wait_until(
                lambda: not world.agent.is_running() or "started" in world.agent.log()[said:],
                "an end, or a start",
            )
            world.faults.heal()
            wait_until(
                lambda: not world.agent.is_running() or world.caller.ask(None), "an end, or an answer"
            )
            has_ended = not world.agent.is_running()
            code = world.agent.wait() if has_ended else world.agent.terminate()
            expected = (1, *LIBRARY_ENDS) if has_ended else (0,)
            assert code in expected, f"{function} {nth} of {count}: {code}"
        world.caller.close()
    world.faults.start_anew()
    world.agent.start()
    world.warm_up()
    world.end()


def no_random_numbers(world):
    """At the start it ends and says so. Later nothing needs any that can not do without."""
    world.start_without_agent()
    world.faults.strike("getrandom", nth=1, every=1, error="EIO", is_total=True)
    world.agent.start(waits=False)
    assert world.agent.wait() == 1
    assert world.log_has("error")
    world.faults.start_anew()
    world.agent.start()
    world.warm_up()
    world.start_load()
    world.faults.strike("getrandom", nth=1, every=1, error="EIO")
    all_are_served(world)
    world.redis.kill()
    world.wait_until_down()
    world.restart_redis()
    world.wait_until_up()
    were_struck("getrandom")(world)
    world.end()


def no_threads(world):
    world.start_without_agent()
    for nth in (1, 2):
        world.faults.start_anew()
        world.faults.strike("pthread_create", nth=nth, error="EAGAIN", is_total=True)
        world.agent.start(waits=False)
        assert world.agent.wait() == 1, f"thread {nth}"
    assert world.log_has("error")
    world.faults.start_anew()
    world.agent.start()
    world.warm_up()
    world.end()


def cut_frames(world):
    """Between callers and the agent, both ways."""
    front = ChaosProxy(world.agent.address)
    world.asked_at = front.address
    front.asks.piece = front.replies.piece = 1
    world.front = front
    world.caller.close()
    all_are_served(world)
    assert front.accepted > 0


def end_of_cut_frames(world):
    world.asked_at = world.agent.address
    world.caller.close()
    world.front.stop()


# Signals.


def own_config(world):
    path = world.directory / "reeve.conf"
    path.write_text(world.agent.config_path.read_text())
    world.agent.use_config(path)


def break_config(world):
    path = world.agent.config_path
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, 'no_such_option = "x"', ""]))
    world.agent.signal(signal.SIGHUP)
    wait_until(lambda: world.log_has("refused", f"{path}:{len(lines) + 1}", "no_such_option"), "the refusal")


def storm_of_reloads(world):
    for _ in range(200 if world.is_long else 80):
        world.agent.signal(signal.SIGHUP)
        time.sleep(0.01)


def stop_with_requests_under_way(world):
    """They are in the socket; when the agent goes on it decides them, once."""
    with spop.Peer.connect(world.agent.address) as peer:
        peer.greet()
        world.agent.freeze()
        key = key_of("dan")
        numbers = range(20)
        peer.send(
            b"".join(spop.notify(i, spop.request_arguments(key=key, rid=f"late{i}")) for i in numbers)
        )
        time.sleep(1.0)
        world.agent.thaw()
        said = [peer.receive().variables()["verdict"] for _ in numbers]
    world.late_allows = said.count("allow")


def charged_once(world):
    all_are_served(world)
    world.stop_load()
    assert world.agent.terminate() == 0
    assert world.used() == world.allows("dan") + world.late_allows
    assert world.allows("dan") + world.late_allows <= world.bound
    world.agent.start()
    world.measure_base()


# Clocks.


def step_agents_clock(world):
    clock = world.clocks["agent"]
    now = time.time() + world.base_us / 10**6
    world.add_user("frank", expires=str(round(now) + HOUR_S // 2))
    world.wait_until_up("frank")
    clock.step(world.base_us + HOUR_S * 10**6)
    wait_until(lambda: world.ask("frank").verdict == "deny", "frank to have expired", 2)
    all_are_served(world)
    clock.step(world.base_us - HOUR_S * 10**6)
    world.wait_until_up("frank")
    all_are_served(world)


def cross(at_s, *texts):
    """All clocks pass this instant while callers ask; the audit has times of both sides."""

    def play(world):
        base_us = round(at_s * 10**6 - 10**6) - time.time_ns() // 1000
        world.set_clocks(base_us)
        world.start()
        world.bound *= 2  # it may be a month's end
        world.warm_up()
        world.start_load()
        time.sleep(1.2)
        world.end()
        times = {record["time"][: len(texts[0])] for record in world.agent.audit() if "time" in record}
        assert times >= set(texts), sorted(times)

    return play


def instant(*date):
    return datetime(*date, tzinfo=timezone.utc).timestamp()


# What it is given.


def provider_missing(world):
    """It must not come out with the first key."""
    world.start_without_agent()
    conf = world.directory / "openssl.cnf"
    conf.write_text(
        "openssl_conf = a\n[a]\nproviders = b\n[b]\nnone = c\n[c]\nmodule = /none.so\nactivate = 1\n"
    )
    world.agent.env["OPENSSL_CONF"] = str(conf)
    world.agent.start(waits=False)
    assert world.agent.wait() == 1
    assert world.log_has("OpenSSL does not start")
    del world.agent.env["OPENSSL_CONF"]
    world.agent.start()
    world.warm_up()
    world.end()


def little_memory(world):
    """Its address space may grow by a tenth, while keys that nobody has are asked for, and users that
    nobody remembers."""
    with open(f"/proc/{world.agent.pid}/statm", encoding="ascii") as statm:
        pages = int(statm.read().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") * 11 // 10
    subprocess.run(["prlimit", f"--pid={world.agent.pid}", f"--as={most}"], check=True)
    until = time.monotonic() + (600 if world.is_long else 1.5)
    users = [world.add_user(f"user{number}") for number in range(50)]
    while time.monotonic() < until:
        for user in users:
            assert world.ask(user).verdict == "allow"
            world.ask_stranger()
        assert world.rss() < world.base_rss + MIB


def crash(world):
    """Memory holds keys: none of it may come to lie on a disk."""
    world.start()
    world.warm_up()
    with open(f"/proc/{world.agent.pid}/limits", encoding="ascii") as limits:
        line = next(line for line in limits if line.startswith("Max core file size"))
    assert line.split()[4:6] == ["0", "0"]
    before = set(os.listdir(world.directory))
    world.agent.signal(signal.SIGSEGV)
    assert world.agent.wait() == -signal.SIGSEGV
    assert set(os.listdir(world.directory)) == before
    world.agent.start()
    world.caller.close()
    world.measure_base()
    world.end()


FAULTS = {"faults": True}
SMALL = {"directory_max_records": 16, "directory_max_absent": 16}
# Where nearly each answer needs Redis: a machine that stands still for a moment refuses nobody.
PATIENT = {"deadline": "1800ms", "store_timeout": "1500ms"}

ROWS = [
    Row("A01", "ENFILE on accept", "no busy loop; peers that are there are served",
        calls_fail("accept4", every=1, error="ENFILE"), new_peers_wait, options=FAULTS),
    Row("A01", "EMFILE: no descriptors left", "no busy loop; peers that are there are served",
        tests=[("test_bounds", "test_case_99_no_descriptors_left_does_not_spin")]),
    Row("A02", "ENOMEM at the n-th own allocation, for all n", "alive, never an allow without right",
        play=out_of_memory(False, "program"), options=FAULTS),
    Row("A02", "ENOMEM from the n-th own allocation on, for all n", "alive, never an allow without right",
        play=out_of_memory(True, "program"), options=FAULTS),
    Row("A02", "ENOMEM at the n-th allocation of any library, for all n", "alive, or a library's end",
        play=out_of_memory(False, "any"), options=FAULTS),
    Row("A02", "ENOMEM from the n-th allocation on, at the start", "an end, or service",
        play=out_of_memory_at_start, options=FAULTS),
    Row("A03", "each read gives a byte", "the same results",
        calls_fail("read", every=1, most=1, kind="socket"), served_all_the_same("read"), options=FAULTS),
    Row("A03", "each write takes a byte", "the same results",
        calls_fail("write", "send", every=1, most=1, kind="socket"), served_all_the_same("write", "send"),
        options=FAULTS),
    Row("A03", "EINTR at every second call", "the same results",
        calls_fail("read", "write", "send", "sendmsg", every=2, error="EINTR", kind="socket"),
        served_all_the_same("read", "write", "send"), options=FAULTS),
    Row("A03", "EAGAIN at every second call", "the same results",
        calls_fail("read", "write", "send", "sendmsg", every=2, error="EAGAIN", kind="socket"),
        served_all_the_same("read", "write", "send"), options=FAULTS),
    Row("A04", "EPIPE and ECONNRESET on write", "no death by SIGPIPE",
        calls_fail("send", every=5, error="EPIPE"), losing_peers_is_survived, options=FAULTS),
    Row("A04", "peers that reset while they are answered", "no death by SIGPIPE",
        tests=[("test_spop", "test_case_14_reset_while_answers_are_written")]),
    Row("A05", "one byte at a time, both ways", "the same results", cut_frames, lambda world: None,
        end_of_cut_frames),
    Row("A05", "frames cut anywhere", "the same results", tests=[("test_spop", "test_case_9_cut_anywhere")]),
    Row("A06", "SIGHUP with a broken configuration", "the old one stays; the error names file and line",
        break_config, all_are_served, options={"before": own_config}),
    Row("A06", "SIGHUP with a broken configuration, behind HAProxy", "the same", tier=LONG,
        tests=[("test_faults", "test_reload_takes_a_good_configuration_and_refuses_a_broken_one")]),
    Row("A07", "a hundred SIGHUPs a second", "served; nothing leaks", storm_of_reloads, all_are_served),
    Row("A08", "SIGTERM while a connection is never quiet", "it ends behind an answer, with 0",
        tests=[("test_faults", "test_drain_ends_a_connection_that_is_never_quiet")]),
    Row("A08", "SIGTERM under load, behind HAProxy", "nothing is lost; it ends with 0", tier=LONG,
        tests=[("test_faults", "test_case_102_drain_loses_nothing")]),
    Row("A09", "a second SIGTERM", "it ends at once",
        tests=[("test_faults", "test_second_sigterm_ends_at_once")]),
    Row("A09", "a second SIGTERM under load", "no record is lost", tier=LONG,
        tests=[("test_audit", "test_second_sigterm_loses_no_record")]),
    Row("A10", "kill -9 under load", "each allow is in the audit, once",
        tests=[("test_kill", "test_every_allow_is_audited_once_across_kills")]),
    Row("A11", "SIGSTOP with requests under way", "charged once", stop_with_requests_under_way, charged_once,
        may_be_late=True),
    Row("A11", "SIGSTOP, behind HAProxy", "503 in HAProxy's time",
        tests=[("test_faults", "test_agent_hung_is_503_within_the_timeout")]),
    Row("A12", "threads for password hashes have no end of work", "denied in time; keys go on",
        tests=[("test_passwords", "test_a_flood_of_guesses_leaves_keys_alone")]),
    Row("A12", "a thread for password hashes dies", "-", absent="none dies alone: the process does, as in A19"),
    Row("A13", "getrandom fails", "no start; a running agent goes on", play=no_random_numbers, options=FAULTS),
    Row("A13", "threads can not be made", "no start", play=no_threads, options=FAULTS),
    Row("A14", "the agent's clock steps by an hour, both ways", "expiry by the wall clock, all else unmoved",
        step_agents_clock, all_are_served, options={"clocks": ("agent", "redis")}),
    Row("A15", "2038", "time has 64 bits",
        play=cross(2**31, "2038-01-19T03:14:07", "2038-01-19T03:14:08"), options={"clocks": ("agent", "redis")}),
    Row("A15", "2100, which has no leap day", "the calendar holds",
        play=cross(instant(2100, 3, 1), "2100-02-28T23:59:59", "2100-03-01T00:00:00"),
        options={"clocks": ("agent", "redis")}),
    Row("A16", "a stack of 256 KiB", "no recursion on input", answers_to_strangers(GARBAGE, "HGETALL"),
        all_are_served, options={**SCRIPT, "prefix": ["prlimit", "--stack=262144"]}),
    Row("A17", "OpenSSL without its provider", "it fails at the start", play=provider_missing),
    Row("A18", "address space for a tenth more", "caches shrink; alive", little_memory, all_are_served,
        options={**SMALL, **PATIENT}, may_be_late=True),
    Row("A19", "SIGSEGV", "no core", play=crash),
]  # fmt: skip
