"""Options of the live tests; shows the servers' logs when a test fails."""

import pytest
from crowd import Crowd
from harness import process

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


@pytest.fixture
def start_crowd(tmp_path):
    """start_crowd(**options of Crowd)"""
    crowds = []

    def start(**options):
        crowds.append(Crowd(tmp_path, **options))
        return crowds[-1].start()

    yield start
    for crowd in crowds:
        crowd.stop()
