"""Times as an operator gives them, against Python's calendar."""

import datetime
import random
import time

import pytest

UTC = datetime.timezone.utc


def seconds(*date):
    return int(datetime.datetime(*date, tzinfo=UTC).timestamp())


DATES = {
    "2027-01-31": seconds(2027, 1, 31),
    "2027-01-31T12:00:00Z": seconds(2027, 1, 31, 12),
    "2027-01-31T12:34:56+02:00": seconds(2027, 1, 31, 10, 34, 56),
    "2027-01-31T23:59:59-05:30": seconds(2027, 2, 1, 5, 29, 59),
    "2028-02-29": seconds(2028, 2, 29),
    "2100-02-28": seconds(2100, 2, 28),
    "2100-03-01": seconds(2100, 3, 1),
    "2400-02-29": seconds(2400, 2, 29),
    "2099-12-31T23:59:59Z": seconds(2099, 12, 31, 23, 59, 59),
    "9999-12-31T23:59:59Z": 253402300799,
    "2000000000": 2000000000,
    "253402300799": 253402300799,
}

SPANS = {"30d": 30 * 86400, "12h": 12 * 3600, "90m": 5400, "45s": 45, "0s": 0, "09d": 9 * 86400}

NO_TIMES = [
    *("", "0", "-1", "+1", "01", "1.5", "1e9", "0x10", "253402300800", "99999999999999999999"),
    *("30", "d", "30 d", "30D", "30w", "-30d", "1h30m", "9999999999s", "999999999d", "never "),
    *("2027-1-31", "2027-13-01", "2027-00-01", "2027-01-00", "2027-01-32", "2027-04-31"),
    *("2027-02-29", "2100-02-29", "27-01-31", "2027/01/31", "2027-01-31 ", " 2027-01-31"),
    *("2027-01-31T12:00:00", "2027-01-31 12:00:00Z", "2027-01-31t12:00:00z"),
    *("2027-01-31T24:00:00Z", "2027-01-31T12:60:00Z", "2027-01-31T12:00:60Z"),
    *("2027-01-31T12:00Z", "2027-01-31T12:00:00.5Z"),
    *("2027-01-31T12:00:00+24:00", "2027-01-31T12:00:00+0200", "2027-01-31T", "1969-12-31"),
    *("1970-01-01", "9999-12-31T23:59:59-00:01", "0000-00-00", "now", "2027-01-31\n"),
]
# "30" alone is UNIX seconds, long past: taken, with a warning.
NO_TIMES.remove("30")


@pytest.fixture
def alice(redis):
    redis("HSET", "reeve:user:{alice}", "state", "active")


@pytest.mark.parametrize("text", DATES)
def test_dates(admin, redis, alice, text):
    admin("user", "set", "alice", f"tokens_not_before={text}")
    assert redis.hash("reeve:user:{alice}")["tokens_not_before"] == str(DATES[text])


@pytest.mark.parametrize("text", SPANS)
def test_spans_count_from_the_clock_of_redis(admin, redis, alice, text):
    before = int(time.time())
    admin("user", "set", "alice", f"tokens_not_before={text}")
    stored = int(redis.hash("reeve:user:{alice}")["tokens_not_before"]) - SPANS[text]
    assert before <= stored <= int(time.time())


@pytest.mark.parametrize("text", NO_TIMES)
def test_what_is_no_time_is_refused(admin, redis, text):
    before = redis.snapshot()
    fault = admin.refuses("user", "add", "alice", f"expires={text}")
    assert fault.startswith("user alice: expires: ")
    assert redis.snapshot() == before


def test_seconds_are_shown_as_dates(admin, redis):
    chosen = random.Random(1)
    times = [chosen.randrange(1, 253402300800) for _ in range(300)]
    times += [1, 951782400, 951868799, 951868800, 4107542399, 4107542400, 253402300799]
    for number, stamp in enumerate(times):
        redis("HSET", f"reeve:user:{{u{number}}}", "state", "active", "expires", stamp)
    shown = {}
    for line in admin("user", "list").splitlines()[1:]:
        shown[int(line.split()[0][1:])] = line.split()[3]
    epoch = datetime.datetime(1970, 1, 1)
    for number, stamp in enumerate(times):
        date = epoch + datetime.timedelta(seconds=stamp)
        assert shown[number] == date.strftime(f"{date.year:04d}-%m-%dT%H:%M:%SZ"), stamp
