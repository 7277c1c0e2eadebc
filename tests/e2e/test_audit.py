"""The audit file: valid whatever comes, without secrets, and no allow that it does not have."""

import random
import signal
import subprocess

import pytest

from harness import spop
from harness.agent import BUILD
from harness.apikey import key_id
from harness.load import Load
from harness.spop import Peer
from harness.wait import wait_until

SEED = 11
TEXTS = ["rid", "fe", "method", "path", "host", "authz", "apikey"]


def hostile(chance):
    """Any bytes; often those that end strings and lines or begin escapes."""
    pool = b'"\\\n\r\t\0\x1b\x7f\x80\xc0\xe2\x80\xa8\xed\xa0\x80\xf4\x90\xff/{}'
    size = chance.choice([0, 1, 3, 20, 300, 4000])
    source = pool if chance.random() < 0.7 else bytes(range(256))
    return bytes(chance.choices(source, k=size))


@pytest.mark.sanitized
def test_case_76_every_line_is_json_whatever_the_arguments_hold(start_stack, is_long):
    """audit() parses every line; the seed is fixed, so a failure can be had again."""
    stack = start_stack(agents=1, drain_delay="0", is_patient=True)
    chance = random.Random(SEED)
    count = 5000 if is_long else 500
    with Peer.connect(stack.agents[0].address) as peer:
        peer.greet(size=65532)
        for number in range(count):
            arguments = dict(spop.request_arguments(key=stack.keys["alice"]))
            for name in chance.sample(TEXTS, chance.randint(1, len(TEXTS))):
                arguments[name] = spop.Text(hostile(chance))
            peer.send(spop.notify(number, list(arguments.items())))
            assert peer.receive().variables()["verdict"] in ("allow", "deny", "throttle")
    stack.terminate_agents()
    assert sum(record.get("count", 1) for record in stack.audit()) >= count
    raw = stack.agents[0].audit_path.read_bytes()
    assert raw.endswith(b"\n")
    assert all(byte == 0x0A or 0x20 <= byte != 0x7F for byte in raw)
    raw.decode("utf-8")


@pytest.mark.sanitized
def test_no_secret_is_written_anywhere(start_stack):
    """Neither of a good key nor of a bad one, wherever it stands; and no query."""
    stack = start_stack(agents=1, drain_delay="0", log_level="debug", is_patient=True)
    good, bad = stack.keys["alice"], stack.keys["bob"][:-1]
    for key in (good, bad):
        stack.fetch(key=key)
        stack.fetch("/v1/orders/7?key=" + key, key=key)
        stack.fetch(headers=[("Authorization", "Bearer " + key)])
        stack.fetch(headers=[("Authorization", key)])
    stack.terminate_agents()
    agent = stack.agents[0]
    assert key_id(good) in agent.audit_path.read_text()
    written = [agent.audit_path, agent.log_path, *agent.spool_path.iterdir()]
    for path in written:
        for key in (good, bad):
            assert key.split("_")[2].encode() not in path.read_bytes(), path


# Of a file that the agent may write. What its spool holds makes a smaller one.
FILE_LIMIT = 512 * 1024


@pytest.mark.sanitized
def test_full_audit_file_denies_and_loses_nothing(start_stack, tmp_path):
    """As on a full disk: first the spool fills, then requests are denied, until there is room."""
    prefix = ["prlimit", f"--fsize={FILE_LIMIT}"]
    stack = start_stack(agents=1, prefix=prefix, spool_size="64KiB", drain_delay="0")
    agent = stack.agents[0]
    first = tmp_path / "full.jsonl"

    def is_blocked():
        answer = stack.fetch(user="alice")
        return answer.status == 503 and answer.problem()["reason"] == "audit_blocked"

    with Load(stack.address, stack.mixed()) as load:
        wait_until(is_blocked, "denials", 30.0)
    assert load.wrongly_allowed() == []
    assert all(is_blocked() for _ in range(10))

    agent.audit_path.rename(first)
    agent.signal(signal.SIGHUP)
    wait_until(lambda: stack.fetch(user="alice").status == 200, "allows to come back")
    stack.terminate_agents()
    written = first.read_bytes() + agent.audit_path.read_bytes()
    assert [rid for rid in load.allowed_rids() if written.count(rid.encode()) != 1] == []


def test_second_sigterm_loses_no_record(start_stack):
    """What is not in the file by then is after the next start."""
    stack = start_stack(agents=1)
    agent = stack.agents[0]
    with Load(stack.address, stack.mixed()) as load:
        wait_until(lambda: len(load.answers) > 200, "load")
        agent.signal(signal.SIGTERM)
        wait_until(lambda: "drain" in agent.log(), "the drain to begin")
        agent.signal(signal.SIGTERM)
        assert agent.wait() == 1
    agent.start()
    stack.terminate_agents()
    audited = stack.audited_allows()
    assert [rid for rid in load.allowed_rids() if audited[rid] != 1] == []


def reevectl(*words, **more):
    command = [BUILD / "reevectl", "audit", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)


def head_in_redis(url, agent):
    command = ["redis-cli", "-u", url, "--raw", "HGET", f"reeve:agent:{agent}", "head"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.lstrip()


@pytest.fixture
def signing(tmp_path):
    """(settings of an agent that signs, the public key's file)"""
    made = reevectl("keygen", tmp_path / "audit.key")
    assert made.returncode == 0, made.stderr
    public = tmp_path / "audit.pub"
    public.write_text(made.stdout)
    return {"audit_key_file": tmp_path / "audit.key"}, public


@pytest.mark.sanitized
def test_audit_of_a_busy_and_killed_agent_verifies(start_stack, signing):
    settings, public = signing
    stack = start_stack(agents=1, drain_delay="0", audit_segment_size="16KiB", **settings)
    agent = stack.agents[0]
    with Load(stack.address, stack.mixed()) as load:
        for more in (100, 200, 300):
            wait_until(lambda more=more: len(load.answers) > more, "load")
            agent.kill()
            agent.start()
    offered = wait_until(lambda: head_in_redis(stack.redis.url, agent.name), "the head in Redis")
    stack.terminate_agents()
    audited = stack.audited_allows()
    assert [rid for rid in load.allowed_rids() if audited[rid] != 1] == []

    files = sorted(agent.audit_path.parent.glob(agent.audit_path.name + "*"))
    assert len(files) > 2
    told = reevectl("verify", *files, "--public-key", public)
    assert told.returncode == 0, told.stdout
    assert told.stdout.splitlines()[-1].startswith("ok ")

    head = public.with_name("head")
    head.write_text(offered + reevectl("head", agent.audit_path).stdout)
    assert reevectl("verify", *files, "--public-key", public, "--head", head).returncode == 0
    agent.audit_path.unlink()
    told = reevectl("verify", *files[1:], "--public-key", public, "--head", head)
    assert told.returncode == 1
    assert "fault  cut: the head is segment" in told.stdout


@pytest.mark.parametrize("byte", [b"\x1b", b"\x7f", b"\xc2\x9b", b"\r"])
def test_a_head_says_nothing_to_a_terminal(tmp_path, byte):
    path = tmp_path / "forged"
    path.write_bytes(b'{"v":1,"type":"checkpoint","seq":"' + byte + b'[2J"}\n')
    told = reevectl("head", path)
    assert (told.returncode, told.stdout) == (1, "")
    assert "is no checkpoint of an agent's" in told.stderr


def test_a_head_or_a_key_that_can_not_be_had_is_a_failure(tmp_path, signing):
    empty = tmp_path / "empty"
    empty.touch()
    assert reevectl("head", empty).returncode == 1
    again = reevectl("keygen", tmp_path / "audit.key")
    assert again.returncode == 1
    assert "File exists" in again.stderr


@pytest.fixture
def written(tmp_path):
    """Files of an audit, signed, and the public key's file."""
    subprocess.run([BUILD / "audit_make", tmp_path, "5000", str(256 * 1024)], check=True)
    files = sorted(tmp_path.glob("audit.jsonl.0*"))
    assert len(files) > 2
    return files, tmp_path / "audit.pub"


def test_verification_tells_faults_from_trouble(written, tmp_path):
    files, public = written
    empty = tmp_path / "empty"
    empty.touch()
    assert reevectl("verify", *files, "--public-key", public).returncode == 0
    for words in ((empty,), (public,), (*files[1:], "--public-key", public)):
        told = reevectl("verify", *words)
        assert (told.returncode, told.stderr) == (1, "")
        assert told.stdout.splitlines()[-1].startswith("FAULTY ")
    for words, why in [
        ((), "usage: "),
        (("--public-key", public), "usage: "),
        (("--what", *files), "--what"),
        ((*files, "--head"), "--head"),
        ((*files, tmp_path / "missing"), "missing: No such file"),
        ((*files, tmp_path), "not a regular file"),
        ((*files, "--public-key", empty), "--public-key: "),
        ((*files, "--public-key", tmp_path / "missing"), "--public-key: "),
        ((*files, "--head", tmp_path / "missing"), "--head: "),
        ((*files, "--head", public), "no checkpoint in it"),
    ]:
        told = reevectl("verify", *words)
        assert (told.returncode, told.stdout) == (2, ""), words
        assert why in told.stderr


def test_an_answer_that_can_not_be_written_is_none(written):
    files, _ = written
    with open("/dev/full", "w") as full:
        done = subprocess.run([BUILD / "reevectl", "audit", "verify", *files], stdout=full, stderr=subprocess.PIPE,
                              text=True, check=False)  # fmt: skip
    assert done.returncode == 2 and "stdout: No space left" in done.stderr


def lifecycle(agent):
    return [line for line in agent.audit_lines() if line["type"] == "lifecycle"]


@pytest.mark.sanitized
def test_the_agent_tells_of_itself(start_stack, tmp_path):
    """Start, reload with the configurations' hashes, a reload that is refused, drain and stop."""
    stack = start_stack(agents=1, drain_delay="0", is_patient=True)
    agent = stack.agents[0]
    own = tmp_path / "own.conf"
    own.write_bytes(agent.config_path.read_bytes())
    agent.use_config(own)
    agent.terminate()
    agent.start()
    stack.fetch(user="alice")

    own.write_text(own.read_text() + "\nmax_tokens = 9999\n")
    agent.signal(signal.SIGHUP)
    wait_until(lambda: any(line["event"] == "reload" for line in lifecycle(agent)), "the reload")
    stack.fetch(user="alice")
    own.write_text(own.read_text() + "\nnonsense\n")
    agent.signal(signal.SIGHUP)
    wait_until(lambda: lifecycle(agent)[-1]["event"] == "reload_refused", "the refusal")
    stack.terminate_agents()

    told = lifecycle(agent)
    events = ["start", "drain", "stop", "start", "reload", "reload_refused", "drain", "stop"]
    assert [line["event"] for line in told] == events
    _, _, _, start, reload, refused, _, _ = told
    assert reload["config_before"] == start["config"] != reload["config"] == refused["config"]
    assert len({line["id"] for line in agent.audit_lines() if "id" in line}) == sum(
        "id" in line for line in agent.audit_lines()
    )
    decisions = stack.audit()
    assert [one["config"] for one in decisions] == [start["config"], reload["config"]]
    for one in decisions:
        assert one["id"] == f"{one['boot']}-{one['worker']}-{one['seq']}"


def test_addresses_are_hashed_so_that_the_key_finds_them(start_stack, tmp_path):
    key = tmp_path / "addresses.key"
    key.touch(mode=0o600)
    key.write_text("sixteen characters, at least\n")
    hashed = {"audit_addresses": "hashed", "audit_address_key_file": key}
    stack = start_stack(agents=1, drain_delay="0", is_patient=True, **hashed)
    assert stack.fetch(user="alice").status == 200
    stack.terminate_agents()
    (record,) = stack.audit()
    assert record["src"].startswith("hmac:")
    assert reevectl("hash", "--key-file", key, "127.0.0.1").stdout.split()[0] == record["src"]
    assert "127.0.0.1" not in stack.agents[0].audit_path.read_text()
