"""A judge that can not find anyone guilty proves nothing: logs that are wrong by one unit."""

import pytest
from judge import (
    Admitted,
    Entry,
    Impossible,
    aof_bytes,
    aof_commands,
    bucket_excess,
    history,
    holders_overspent,
    read_line,
    read_refusals,
    replay_quota,
    replay_rate,
    worst_edge,
)

SECOND = 1_000_000
WINDOW, NEXT = (0, 60_000), (60_000, 120_000)
LINE = (
    b'{"v":1,"type":"decision","time":"2026-11-25T14:20:17.695812Z","agent":"a0","boot":"27681457dc8b",'
    b'"worker":0,"seq":1,"user":"u","verdict":"%s","status":200,"limits":"%s"}'
)


def test_bucket_that_just_fits_and_one_unit_more():
    fits = [(0, 1)] * 50 + [(number * 10_000, 1) for number in range(1, 200)]
    assert bucket_excess(fits, 100, SECOND, 50) == 0
    assert bucket_excess([*fits, (777_777, 1)], 100, SECOND, 50) > 0.7
    assert bucket_excess([*fits[:-1], (1_989_000, 1)], 100, SECOND, 50) == pytest.approx(0.1)
    assert bucket_excess([], 1, SECOND, 1) == 0


def test_bucket_excess_is_that_of_the_worst_interval():
    """The same as trying every interval."""
    import random

    dice = random.Random(1)
    for _ in range(100):
        events = sorted((dice.randrange(SECOND), dice.randint(1, 5)) for _ in range(40))
        worst = max(
            sum(cost for _, cost in events[i : j + 1]) - (events[j][0] - events[i][0]) * 20 / SECOND
            for i in range(len(events))
            for j in range(i, len(events))
        )
        assert bucket_excess(events, 20, SECOND, 7) == pytest.approx(worst - 7)


def test_window_over_by_one_is_seen_on_either_side_of_an_edge():
    edge = 60 * SECOND
    before = [Admitted(edge - SECOND, 1) for _ in range(10)]
    after = [Admitted(edge + SECOND, 1) for _ in range(10)]
    near = [Admitted(edge - 1, 1)]
    assert worst_edge(before + after, [edge], 10, 1000) == 0
    assert worst_edge(before + after + near, [edge], 10, 1000) == 1
    assert worst_edge(before + before[:1], [edge], 10, 1000) == 1
    late = [Admitted(edge + 999, 1)]
    assert worst_edge(after + late, [edge], 10, 1000) <= 0, "it may be the earlier window's"
    assert worst_edge(after + late * 11, [edge], 10, 1000) == 1
    assert worst_edge(after + after[:1] + before[:5], [edge], 10, 1000) == 1


def test_audit_line():
    one = read_line(LINE % (b"allow", b"x:1:0,l:3:97@1795616417695812!"), "l")
    assert (one.at, one.cost, one.holder) == (1795616417695812, 3, "a0.0.27681457")
    assert one.is_exact and one.is_outage
    assert read_line(LINE % (b"allow", b"l:1:99"), "l").at == 1795616417695812
    assert read_line(LINE % (b"throttle", b"l:1:99"), "l") is None
    with pytest.raises(AssertionError):
        read_line(LINE % (b"allow", b"other:1:99"), "l")


def test_history_that_is_right():
    entries = [
        Entry("a", 1, 6, 6, WINDOW),
        Entry("b", 1, 3, 9, WINDOW),
        Entry("a", 2, 0, 7, WINDOW),
        Entry("b", 2, 3, 10, WINDOW),
        Entry("b", 3, 10, 10, NEXT),
    ]
    had = replay_quota(entries, 10)
    assert had == {"a": {WINDOW: 4}, "b": {WINDOW: 6, NEXT: 10}}
    spent = [Admitted(0, 4, "a"), Admitted(0, 16, "b")]
    assert holders_overspent(had, spent) == {}
    assert holders_overspent(had, [*spent, Admitted(0, 1, "a")]) == {"a": 1}
    assert holders_overspent(had, [*spent, Admitted(0, 2, "c")]) == {"c": 2}
    assert holders_overspent(had, [*spent, Admitted(0, 2, "a", is_outage=True)]) == {}


@pytest.mark.parametrize(
    ("what", "entries"),
    {
        "over the limit": [Entry("a", 1, 11, 11, WINDOW)],
        "over in steps": [Entry("a", 1, 6, 6, WINDOW), Entry("b", 1, 5, 11, WINDOW)],
        "not debited": [Entry("a", 1, 6, 5, WINDOW)],
        "lost use": [Entry("a", 1, 6, 6, WINDOW), Entry("b", 1, 2, 2, WINDOW)],
        "twice": [Entry("a", 1, 6, 6, WINDOW), Entry("a", 1, 1, 7, WINDOW)],
        "credited twice": [
            Entry("a", 1, 6, 6, WINDOW),
            Entry("b", 1, 4, 10, WINDOW),
            Entry("a", 2, 0, 4, WINDOW),
            Entry("a", 3, 0, 0, WINDOW),
        ],
        "window back": [Entry("a", 1, 1, 1, NEXT), Entry("a", 2, 1, 1, WINDOW)],
    }.items(),
    ids=str,
)
def test_history_that_is_wrong(what, entries):
    with pytest.raises(Impossible):
        replay_quota(entries, 10)


def test_rate_history_with_a_sequence_twice_is_wrong():
    assert replay_rate([Entry("a", 1, 5, 5), Entry("a", 2, 1, 6)]) == {"a": {None: 6}}
    with pytest.raises(Impossible):
        replay_rate([Entry("a", 2, 5, 5), Entry("a", 2, 5, 10)])


def test_use_that_was_settled_may_be_over_the_limit_and_a_grant_may_not():
    settled = [Entry("a", 1, 6, 6, WINDOW), Entry("a", 2, 0, 15, WINDOW)]
    with pytest.raises(Impossible):
        replay_quota(settled, 10)
    assert replay_quota(settled, 10, is_settled=True) == {"a": {WINDOW: 15}}
    with pytest.raises(Impossible):
        replay_quota([*settled, Entry("b", 1, 1, 16, WINDOW)], 10, is_settled=True)


def test_log_is_read_to_a_point_and_to_where_its_writer_was_killed(tmp_path):
    one, two = b"*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n", b"*2\r\n$3\r\nDEL\r\n$3\r\nlen\r\n"
    path = tmp_path / "appendonly.aof"
    for size in range(len(two)):
        path.write_bytes(one + two[:size])
        assert list(aof_commands(tmp_path)) == [[b"DEL", b"k"]]
    path.write_bytes(one + b"#TS:1\r\n" + two)
    assert aof_bytes(tmp_path) == len(one) + 7 + len(two)
    assert list(aof_commands(tmp_path)) == [[b"DEL", b"k"], [b"DEL", b"len"]]
    assert list(aof_commands(tmp_path, len(one))) == [[b"DEL", b"k"]]


def test_refusals_are_read_with_their_limit(tmp_path):
    class Agent:
        audit_path = tmp_path / "audit"

    refused = LINE.replace(b'"limits":"%s"', b'"reason":"%s"')
    lines = [
        LINE % (b"allow", b"l:1:99"),
        (refused % (b"deny", b"deadline")),
        (refused % (b"throttle", b"quota")).replace(b"}", b',"limits":"l:1:0","limit":"l"}'),
    ]
    Agent.audit_path.write_bytes(b"\n".join(lines))
    found = [(one.at, one.agent, one.reason, one.limit) for one in read_refusals([Agent])]
    at = 1795616417695812
    assert found == [(at, "a0", "deadline", ""), (at, "a0", "quota", "l")]


def test_history_is_read_from_redis_log():
    words = ["HSET", "k", "start", "0", "end", "60000", "used", "7", "h:a0.0.27681457", "3:7:12"]
    log = [[word.encode() for word in words], [b"DEL", b"k"], [b"HSET", b"other", b"x", b"1"]]
    (entry,) = history(log, "k")
    assert (entry.holder, entry.seq, entry.granted, entry.used) == ("a0.0.27681457", 3, 7, 7)
    assert entry.window == (0, 60_000)
