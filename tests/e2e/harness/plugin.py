"""What all test folders with real servers share: --long and the marker of what runs with it alone, logs of
servers where a test fails, and lines said at the end of the output. A conftest.py names it in `pytest_plugins`."""

import pytest

from harness import process

LOG_LINES_SHOWN = 25


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the full numbers")


def pytest_configure(config):
    config.said = []
    config.addinivalue_line("markers", "long: only with --long")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--long"):
        items[:] = [item for item in items if not item.get_closest_marker("long")]


def pytest_terminal_summary(terminalreporter, config):
    for line in config.said:
        terminalreporter.write_line(line)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    report = (yield).get_result()
    if report.failed:
        for server in process.running:
            tail = server.log().splitlines()[-LOG_LINES_SHOWN:]
            report.sections.append((f"log of {server.name}", "\n".join(tail)))


@pytest.fixture
def say(request):
    """say(line): stands at the end of the run's output."""
    return request.config.said.append


@pytest.fixture(scope="session")
def is_long(request):
    return request.config.getoption("--long")
