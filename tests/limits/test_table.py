"""Every row of the table: never over, nothing wasted. The whole table stands at the end of the output.

The long tier runs the rows without faults once, and those with faults in turn, each time with another
seed, so that faults come at other times: 100 rounds of them, or REEVE_LIMIT_ROUNDS.
"""

import os

import pytest
import scenario
import table
from outage import Outage
from several import Several

SAMPLE_SEED = 1
LONG_ROUNDS = 100


def rounds(is_long):
    """[(scenario, seed)]"""
    if not is_long:
        return [(row, SAMPLE_SEED) for row in table.TABLE if row.tier == "sample"]
    steady = [row for row in table.TABLE if row.fault == "none"]
    chancy = [row for row in table.TABLE if row.fault != "none"]
    count = int(os.environ.get("REEVE_LIMIT_ROUNDS", LONG_ROUNDS))
    struck = [(chancy[number % len(chancy)], SAMPLE_SEED + number) for number in range(count)]
    return [*((row, SAMPLE_SEED) for row in steady), *struck]


def pytest_generate_tests(metafunc):
    chosen = rounds(metafunc.config.getoption("--long"))
    names = [f"{row.name}, {row.text}, {row.factor:g}x, {row.fault}, {seed}" for row, seed in chosen]
    if "row" in metafunc.fixturenames:
        metafunc.parametrize(("row", "seed"), chosen, ids=names)


@pytest.fixture(scope="module", autouse=True)
def head(request):
    request.config.said.append(scenario.HEAD)


def test_row(say, row, seed):
    outcome = scenario.run(row, seed)
    say(outcome.row())
    assert outcome.passed, f"\n{scenario.HEAD}\n{outcome.row()}"


class TooHigh(scenario.Scenario):
    """What stands in Redis is one more than what is judged by."""

    @property
    def record(self):
        name = "quota" if self.is_quota else "burst"
        record = super().record
        return {**record, name: record[name] + 1}


@pytest.mark.parametrize("limit", [10, 100, (100, "s", 5)], ids=str)
def test_limit_that_is_one_too_high_is_found(limit):
    outcome = scenario.run(TooHigh("too high", limit, 10, seconds=2), SAMPLE_SEED)
    assert any(found.startswith("over by") for found in outcome.faults_found), outcome.row()


class Generous(Outage):
    """The agents have twice the budget that is judged by."""

    @property
    def record(self):
        return {**super().record, "on_store_down": f"budget:{2 * self.percent}%"}


class Leaking(Several):
    """Somebody takes a unit that nobody was admitted for."""

    def judge(self, run):
        run.fleet.connection("HINCRBY", scenario.counter_key(True, "all", "global:all"), "used", 1)
        return super().judge(run)


@pytest.mark.long
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Generous("outage", 4000, 14, "redis hangs", 7, policy="budget:2%"), "more than its budget"),
        (Generous("outage", (1000, "s", 2000), 8, "redis hangs", 7, policy="budget:2%"), "its budget"),
        (Leaking("several limits", 1500, 10), "in the counter"),
    ],
    ids=str,
)
def test_row_that_is_wrong_is_found(wrong, words):
    outcome = scenario.run(wrong, SAMPLE_SEED)
    assert any(words in found for found in outcome.faults_found), outcome.row()
