"""A Redis for the scripts, and the options of the long run."""

import pytest
from harness import process
from harness.redis import Redis
from harness.resp import Connection
from scripts import Scripts

LOG_LINES_SHOWN = 25


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the full numbers")


def pytest_configure(config):
    config.said = []


def pytest_terminal_summary(terminalreporter, config):
    for line in config.said:
        terminalreporter.write_line(line)


@pytest.fixture
def say(request):
    """say(line): stands at the end of the run's output."""
    return request.config.said.append


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    report = (yield).get_result()
    if report.failed:
        for server in process.running:
            tail = server.log().splitlines()[-LOG_LINES_SHOWN:]
            report.sections.append((f"log of {server.name}", "\n".join(tail)))


@pytest.fixture(scope="session")
def is_long(request):
    return request.config.getoption("--long")


@pytest.fixture(scope="session")
def script_server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scripts")
    socket = folder / "redis.sock"
    server = Redis(folder, [f"unixsocket {socket}", "appendonly no"])
    server.start()
    yield socket
    server.stop()


@pytest.fixture
def redis(script_server):
    connection = Connection(script_server)
    connection("FLUSHALL")
    yield connection
    connection.close()


@pytest.fixture
def scripts(redis):
    return Scripts(redis)
