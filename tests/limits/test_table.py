"""Every row of the table: never over, nothing wasted. The whole table stands at the end of the output.

A row that is run again has another seed, so faults come at other times. REEVE_LIMIT_ROUNDS says how
often in all: the long tier spreads it over the rows, each at least once.
"""

import os

import pytest
import table

SAMPLE_SEED = 1
LONG_ROUNDS = 100

outcomes = []


def rounds(is_long):
    """[(scenario, seed)]: the sample once, or the table's rows in turn until the rounds are used up."""
    if not is_long:
        return [(row, SAMPLE_SEED) for row in table.TABLE if row.tier == "sample"]
    count = max(len(table.TABLE), int(os.environ.get("REEVE_LIMIT_ROUNDS", LONG_ROUNDS)))
    # The rows with faults are those that chance has a say in.
    chancy = [row for row in table.TABLE if row.fault != "none"]
    again = [chancy[number % len(chancy)] for number in range(count - len(table.TABLE))]
    return [(row, SAMPLE_SEED + number) for number, row in enumerate([*table.TABLE, *again])]


def pytest_generate_tests(metafunc):
    chosen = rounds(metafunc.config.getoption("--long"))
    names = [f"{row.name}, {row.text}, {row.factor:g}x, {row.fault}, {seed}" for row, seed in chosen]
    if "row" in metafunc.fixturenames:
        metafunc.parametrize(("row", "seed"), chosen, ids=names)


def test_row(row, seed):
    outcome = table.run(row, seed)
    outcomes.append(outcome)
    assert outcome.passed, f"\n{table.HEAD}\n{outcome.row()}"


class TooHigh(table.Scenario):
    """What stands in Redis is one more than what is judged by."""

    @property
    def record(self):
        name = "quota" if self.is_quota else "burst"
        record = super().record
        return {**record, name: record[name] + 1}


@pytest.mark.parametrize("limit", [10, 100, (100, "s", 5)], ids=str)
def test_limit_that_is_one_too_high_is_found(limit):
    outcome = table.run(TooHigh("too high", limit, 10, seconds=2), SAMPLE_SEED)
    assert any(found.startswith("over by") for found in outcome.faults_found), outcome.row()


@pytest.fixture(scope="module", autouse=True)
def print_table(request):
    yield
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    if outcomes and reporter:
        reporter.write_line("")
        for line in [table.HEAD, *(outcome.row() for outcome in outcomes)]:
            reporter.write_line(line)
