"""Prints the table of rows at the end of the run; fixtures of tests that stand elsewhere."""

import importlib.util
from pathlib import Path

import table
from test_syslog import start_server, start_with_sink  # noqa: F401  fixtures

E2E = Path(__file__).resolve().parents[1] / "e2e"


def load(name, path):
    """A module whose own name is another's here."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


e2e = load("e2e_conftest", E2E / "conftest.py")
stack, start_stack, start_front = e2e.stack, e2e.start_stack, e2e.start_front
pytest_plugins = ["harness.plugin"]

results = {}


def pytest_runtest_logreport(report):
    """Result and seconds of a row, over all its tests. Those of the table tell their own time."""
    said = dict(report.user_properties)
    if "row" in said:
        passed, seconds = results.get(said["row"], (True, 0.0))
        own = said.get("seconds") if report.when == "call" else 0.0
        seconds += report.duration if own is None else own
        results[said["row"]] = (passed and not report.failed, seconds)


def pytest_terminal_summary(terminalreporter):
    if results:
        for line in table.summary(results):
            terminalreporter.write_line(line)
