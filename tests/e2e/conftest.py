"""Fixtures of the end-to-end tests."""

import pytest

from harness.fakeagent import FakeAgent
from harness.haproxy import Haproxy
from harness.stack import UNCOUNTED, Stack
from harness.upstream import Upstream

pytest_plugins = ["harness.plugin"]


class Front:
    """HAProxy with an example's configuration between a fake agent and an upstream."""

    def __init__(self, example, directory):
        self.upstream = Upstream()
        self.agent = FakeAgent()
        self.haproxy = Haproxy(example, directory, self.upstream.address, [self.agent.address])
        self.address = self.haproxy.address

    def start(self):
        self.haproxy.start()
        return self

    def stop(self):
        self.haproxy.stop()
        self.agent.stop()
        self.upstream.stop()


@pytest.fixture
def start_front(tmp_path):
    """start_front(example): for tests that do without reeved."""
    fronts = []

    def start(example):
        fronts.append(Front(example, tmp_path).start())
        return fronts[-1]

    yield start
    for front in fronts:
        front.stop()


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    """Shared by the tests that leave it as they found it."""
    shared = Stack(tmp_path_factory.mktemp("stack"), **UNCOUNTED)
    try:
        yield shared.start()
    finally:
        shared.stop()


@pytest.fixture
def start_stack(tmp_path):
    """start_stack(**options of Stack): one of its own, for tests that break it."""
    stacks = []

    def start(**options):
        stacks.append(Stack(tmp_path, **options))
        return stacks[-1].start()

    yield start
    for own in stacks:
        own.stop()
