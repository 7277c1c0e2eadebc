"""A Redis for the scripts."""

import pytest
from harness.redis import Redis
from harness.resp import Connection
from scripts import Scripts

pytest_plugins = ["harness.plugin"]


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
