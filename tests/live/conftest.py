"""Crowds of agents for the live tests."""

import pytest
from crowd import Crowd

pytest_plugins = ["harness.plugin"]


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
