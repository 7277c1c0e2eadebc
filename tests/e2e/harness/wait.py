"""Waiting for a condition, the only way these tests let time pass."""

import time


def wait_until(condition, what, timeout=10.0):
    """Calls condition() until it gives something true, and gives that back."""
    end = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.005)
