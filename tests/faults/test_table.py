"""Every row of the table. The table itself stands at the end of the output."""

import concurrent.futures
import functools
import importlib
import inspect
import itertools
import time

import pytest
import table
from test_audit import signing  # noqa: F401: of tests that stand there
from test_spop import address, is_serving_others, peer  # noqa: F401: of tests that stand there
from world import World

LOG_LINES_SHOWN = 25


def is_chosen(row, is_long):
    return not (row.absent or row.missing) and (is_long or row.tier == table.SHORT)


def cases_of(function):
    """The arguments that pytest would give it, one dict for each of its tests."""
    lists = []
    for mark in getattr(function, "pytestmark", []):
        if mark.name == "parametrize":
            names = [name.strip() for name in mark.args[0].split(",")]
            values = [value if len(names) > 1 else (value,) for value in mark.args[1]]
            lists.append([dict(zip(names, value)) for value in values])
    for choice in itertools.product(*lists):
        yield {name: value for part in choice for name, value in part.items()}


def found_tests(row):
    """[(what it is called, function, arguments)]"""
    for module, name in row.tests:
        function = getattr(importlib.import_module(module), name)
        for number, arguments in enumerate(cases_of(function)):
            yield f"{name}-{number}", function, arguments


def pytest_generate_tests(metafunc):
    rows = [row for row in table.rows() if is_chosen(row, metafunc.config.getoption("--long"))]
    if metafunc.function is test_row:
        own = [row for row in rows if row.inject or row.play]
        metafunc.parametrize("row", own, ids=[row.name for row in own])
    elif metafunc.function is test_elsewhere:
        found = [(row, *test) for row in rows for test in found_tests(row)]
        metafunc.parametrize(
            ("row", "function", "arguments"),
            [(row, function, arguments) for row, _, function, arguments in found],
            ids=[f"{row.id}-{name}" for row, name, _, _ in found],
        )


class Players:
    """Plays the rows, some at a time: most of a row is waiting. Outcomes are had one by one, in order.
    Servers die with the thread that started them, so a row has one thread from beginning to end."""

    AT_A_TIME = 3

    def __init__(self, rows, is_long, directory_of):
        self.is_long = is_long
        self.pool = concurrent.futures.ThreadPoolExecutor(max_workers=self.AT_A_TIME)
        self.futures = {row.name: self.pool.submit(self.perform, row, directory_of(row)) for row in rows}

    def stop(self):
        self.pool.shutdown(cancel_futures=True)

    def perform(self, row, directory):
        """(what went wrong or None, seconds)"""
        begin = time.monotonic()
        world = World(directory, **row.options)
        world.is_long = self.is_long
        failure = None
        try:
            (row.play or functools.partial(play, row))(world)
        except Exception as raised:  # told by outcome()
            failure = raised
            tail = world.agent.log().splitlines()[-LOG_LINES_SHOWN:]
            failure.add_note("\n".join(["log of the agent:", *tail]))
        finally:
            world.stop()
        return failure, time.monotonic() - begin

    def outcome(self, row):
        return self.futures[row.name].result()


def play(row, world):
    world.start()
    world.warm_up()
    world.start_load()
    row.inject(world)
    row.check(world)
    world.heal()
    if row.heal:
        row.heal(world)
    world.end(row.may_be_late)


@pytest.fixture(scope="session")
def players(request, tmp_path_factory):
    rows = [
        item.callspec.params["row"]
        for item in request.session.items
        if getattr(item, "function", None) is test_row
    ]
    is_long = request.config.getoption("--long")
    made = Players(rows, is_long, lambda row: tmp_path_factory.mktemp(row.id))
    yield made
    made.stop()


def test_row(row, players, record_property):
    failure, seconds = players.outcome(row)
    record_property("row", row.name)
    record_property("seconds", seconds)
    if failure:
        raise failure


def test_elsewhere(row, function, arguments, request, record_property):
    record_property("row", row.name)
    for name in inspect.signature(function).parameters:
        if name not in arguments:
            arguments = {**arguments, name: request.getfixturevalue(name)}
    function(**arguments)
