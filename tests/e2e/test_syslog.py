"""The audit as syslog messages: each line, as it stands in the file, whatever dies or hangs."""

import json
import random
import signal
import time

import pytest

from harness import reevectl, spop
from harness.haproxy import EXAMPLES
from harness.load import Load
from harness.spop import Peer
from harness.stack import Stack
from harness.syslog import SyslogServer
from harness.wait import wait_until

KINDS = ["tcp", "udp", "unix", "unix-stream"]
STREAMS = ["tcp", "unix-stream"]


def sink_config(directory, server, **options):
    """The example's configuration with a sink."""
    path = directory / "reeve.conf"
    fields = {"to": f'"{server.to}"', "timeout": '"500ms"', **options}
    text = "".join(f"  {name} = {value}\n" for name, value in fields.items())
    example = (EXAMPLES / "api-keys" / "reeve.conf").read_text()
    path.write_text(f'{example}\nsink "collector" {{\n{text}}}\n')
    return path


@pytest.fixture
def start_with_sink(tmp_path):
    """A stack with one agent that has a sink."""
    stacks = []

    def start(server, fields=None, **options):
        stack = Stack(tmp_path, agents=1, is_patient=True, drain_delay="0", **options)
        stack.agents[0].use_config(sink_config(tmp_path, server, **(fields or {})))
        stacks.append(stack)
        return stack.start()

    yield start
    for stack in stacks:
        stack.stop()


@pytest.fixture
def start_server(tmp_path):
    """start_server(kind): a syslog server."""
    servers = []

    def start(kind):
        servers.append(SyslogServer(kind, tmp_path))
        return servers[-1]

    yield start
    for server in servers:
        server.leave()


def file_lines(agent):
    closed = sorted(agent.audit_path.parent.glob(agent.audit_path.name + "." + "[0-9]" * 8))
    return [
        line for path in [*closed, agent.audit_path] for line in path.read_bytes().split(b"\n")[:-1]
    ]


def record_ids(lines):
    return [record["id"] for record in map(json.loads, lines) if "id" in record]


def sink_events(agent, event):
    return [
        line
        for line in agent.audit_lines()
        if line["type"] == "sink" and line["event"] == event and "collector" in line["fault"]
    ]


@pytest.mark.sanitized
@pytest.mark.parametrize("kind", KINDS)
def test_every_line_arrives_as_it_stands(kind, start_server, start_with_sink, tmp_path):
    """Segments and checkpoints too, in order; what was received verifies as the file does."""
    server = start_server(kind)
    server.start()
    stack = start_with_sink(server, audit_segment_size="16KiB")
    is_lossy = server.kind == "udp"  # as much as its socket's buffer has room for
    for number in range(15 if is_lossy else 60):
        stack.fetch(f"/v1/orders/{number}", user="alice")
        stack.fetch(f"/v1/orders/{number}")
    stack.terminate_agents()
    agent = stack.agents[0]
    lines = file_lines(agent)
    wait_until(lambda: len(server.messages) >= len(lines), "all lines")
    assert server.lines() == lines
    for message in server.messages:
        record = message.record()
        assert (message.app, message.facility, message.msgid) == ("reeved", 16, record["type"])
        assert message.time == record["time"]
        assert message.data["agent"] == agent.name
        if "id" in record:
            assert message.data["id"] == record["id"]
            assert int(message.data["seq"]) == record["seq"]
    segments = [m for m in server.messages if m.msgid == "segment"]
    assert len(segments) > (0 if is_lossy else 2)
    parts = []
    for message in server.messages:
        if message.msgid == "segment":
            parts.append(tmp_path / f"received.{message.data['segment']}")
        with open(parts[-1], "ab") as out:
            out.write(message.line + b"\n")
    result = reevectl.run("audit", "verify", *map(str, parts))
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("kind", STREAMS)
def test_nothing_is_missing_over_kills_outages_and_rotations(kind, start_server, start_with_sink, is_long):
    """A message may come twice then, with the same id; none is missing, and none is torn."""
    server = start_server(kind)
    chance = random.Random(5)
    server.start()
    stack = start_with_sink(server, audit_segment_size="64KiB")
    agent = stack.agents[0]

    def kill():
        agent.kill()
        agent.start()

    def outage():
        server.leave()
        time.sleep(chance.uniform(0.05, 0.5))
        server.start()

    def kill_in_an_outage():
        server.leave()
        kill()
        time.sleep(chance.uniform(0.05, 0.3))
        server.start()

    def rotate():
        number = chance.randrange(90_000_000, 100_000_000)
        agent.audit_path.rename(agent.audit_path.with_name(f"{agent.audit_path.name}.{number}"))
        agent.signal(signal.SIGHUP)
        wait_until(agent.audit_path.exists, "a new file")

    steps = [kill, outage, kill_in_an_outage, rotate] * (8 if is_long else 2)
    chance.shuffle(steps)
    with Load(stack.address, stack.mixed(), threads=4) as load:
        for step in steps:
            seen = len(load.answers)
            wait_until(lambda seen=seen: len(load.answers) > seen + 50, "load", 30.0)
            step()
    assert load.wrongly_allowed() == []
    stack.terminate_agents()
    written = set(record_ids(file_lines(agent)))
    wait_until(lambda: len(server.ids()) >= len(written), "all records", 20.0)
    assert server.ids() == written
    assert len(written) > 400
    heads = [line for line in server.lines() if b'"type":"checkpoint"' in line]
    assert set(heads) == {line for line in file_lines(agent) if b'"type":"checkpoint"' in line}


@pytest.mark.parametrize("kind", ["tcp", "unix", "unix-stream"])
def test_a_reader_that_reads_nothing_holds_up_no_verdict(kind, start_server, start_with_sink):
    """Neither does it see a second connection; when it reads again all is there."""
    server = start_server(kind)
    server.start()
    stack = start_with_sink(server)
    agent = stack.agents[0]
    wait_until(lambda: server.messages, "the first message")
    server.is_slow.set()
    with Load(stack.address, stack.mixed(), threads=4) as load:
        wait_until(lambda: "collector: the other side takes nothing" in agent.log(), "the log", 60.0)
        before = len(load.answers)
        wait_until(lambda: len(load.answers) > before + 500, "load to go on", 30.0)
    slow = sorted(seconds for _, _, _, seconds in load.answers[before:])
    assert load.others() == []
    assert slow[len(slow) * 98 // 100] < 0.5, "verdicts wait for the sink"
    connections = server.connections
    server.is_slow.clear()
    wait_until(lambda: sink_events(agent, "recovered"), "its end to be recorded", 30.0)
    assert server.connections == connections
    stack.terminate_agents()
    written = record_ids(file_lines(agent))
    wait_until(lambda: len(server.ids()) >= len(set(written)), "all records", 20.0)
    assert server.ids() == set(written)
    assert len(sink_events(agent, "failing")) == len(sink_events(agent, "recovered")) == 1


@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
@pytest.mark.sanitized
def test_a_server_that_is_gone_is_told_once_and_found_again(kind, start_server, start_with_sink):
    """Gone at the start, there, gone, and there again. Of UDP one message may be lost each time."""
    server = start_server(kind)
    stack = start_with_sink(server)
    agent = stack.agents[0]
    for round in (1, 2):
        stack.fetch(user="alice")
        wait_until(lambda r=round: len(sink_events(agent, "failing")) == r, "failing", 20.0)
        assert stack.fetch(user="alice").status == 200
        time.sleep(0.3)
        server.start()
        wait_until(lambda r=round: len(sink_events(agent, "recovered")) == r, "recovered", 20.0)
        if round == 1:
            server.leave()
    assert len(sink_events(agent, "failing")) == 2
    stack.terminate_agents()
    written = set(record_ids(file_lines(agent)))
    most = 2 if server.kind == "udp" else 0
    wait_until(lambda: len(written - server.ids()) <= most, "all records")
    assert server.ids() <= written


@pytest.mark.parametrize("kind", ["udp"])
def test_a_long_line_is_cut_in_a_datagram_and_says_so(kind, start_server, start_with_sink):
    server = start_server(kind)
    server.start()
    stack = start_with_sink(server, fields={"max_message": '"1KiB"'})
    with Peer.connect(stack.agents[0].address) as peer:
        peer.greet(size=65532)
        arguments = dict(spop.request_arguments(key=stack.keys["alice"]))
        arguments["path"] = spop.Text(b"/v1/orders/" + b"x" * 3000)
        peer.send(spop.notify(1, list(arguments.items())))
        peer.receive()
    stack.terminate_agents()
    cut = wait_until(lambda: [m for m in server.messages if "truncated" in m.data], "the message")
    assert all(len(message.raw) <= 1024 for message in server.messages)
    lines = {len(line): line for line in file_lines(stack.agents[0])}
    for message in cut:
        assert lines[int(message.data["truncated"])].startswith(message.line)


@pytest.mark.parametrize("kind", ["tcp"])
def test_what_was_removed_before_it_was_sent_is_told(kind, start_server, start_with_sink):
    """An outage longer than what is kept: old segments wait up to the sink's hold."""
    server = start_server(kind)
    server.start()
    stack = start_with_sink(
        server, fields={"hold": '"2"'}, audit_segment_size="16KiB", audit_keep_segments=1
    )
    agent = stack.agents[0]
    wait_until(lambda: server.messages, "the first message")
    server.leave()
    with Load(stack.address, stack.mixed(), threads=4):
        wait_until(lambda: sink_events(agent, "failing"), "failing", 20.0)
        wait_until(
            lambda: any(line.get("event") == "segments_removed" for line in agent.audit_lines()),
            "segments to be removed", 30.0,
        )  # fmt: skip
    server.start()
    skipped = wait_until(lambda: sink_events(agent, "skipped"), "skipped", 20.0)
    assert "and all before segment" in skipped[0]["fault"]
    closed = agent.audit_path.parent.glob(agent.audit_path.name + "." + "[0-9]" * 8)
    assert len(list(closed)) <= 4
    stack.terminate_agents()
    written = set(record_ids(file_lines(agent)))
    wait_until(lambda: written <= server.ids(), "what is left")


def test_a_sink_that_changed_takes_effect_at_a_restart(start_with_sink, tmp_path):
    server = SyslogServer("tcp", tmp_path).start()
    stack = start_with_sink(server)
    agent = stack.agents[0]
    sink_config(tmp_path, server, facility="local3")
    agent.signal(signal.SIGHUP)
    wait_until(lambda: "takes effect at a restart only: sink" in agent.log(), "the log")
    server.leave()
