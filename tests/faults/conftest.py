"""Options of the fault tests."""


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the full numbers")
