"""One Redis for all tests, empty at the start of each."""

import pytest

from support import Admin, Connection, Server


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    started = Server(tmp_path_factory.mktemp("redis"))
    yield started
    started.stop()


@pytest.fixture
def redis(server):
    connection = Connection(server.path)
    connection("FLUSHALL")
    yield connection
    connection.close()


@pytest.fixture
def admin(server, redis):
    return Admin(server.url)


@pytest.fixture
def pepper_file(tmp_path):
    """p2 is the first, so new keys are made with it."""
    path = tmp_path / "peppers"
    path.write_text(f"# of the tests\n\np2 {'5a' * 32}\np1 {'a5' * 16}\n")
    path.chmod(0o600)
    return path
