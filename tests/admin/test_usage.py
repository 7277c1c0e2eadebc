"""usage: which limits can apply, what counters say, and resets. Counters are written here as agents
write them."""

import time

import pytest

TITLES = ["LIMIT", "SUBJECT", "VALUE", "USED", "REMAINING", "RESETS_AT"]
FAR_MS = 4102444800000  # 2100-01-01
KEYID = "0123456789"


def rows(shown):
    """Cells are at least two blanks apart."""
    lines = [[cell.strip() for cell in line.split("  ") if cell] for line in shown.splitlines()]
    assert lines[0] == TITLES
    return lines[1:]


def row(shown):
    (only,) = rows(shown)
    return only


def names(shown):
    return [cells[0] for cells in rows(shown)]


@pytest.fixture
def limits(redis):
    """A limit of every scope, and whoever they count."""
    for scope in ("user", "key", "team", "role", "source", "global"):
        redis("HSET", f"reeve:limit:q-{scope}", "quota", "100", "per", "day", "scope", scope)
        redis("HSET", f"reeve:limit:r-{scope}", "rate", "60/min", "burst", "50", "scope", scope)
    redis("HSET", "reeve:user:{alice}", "state", "active", "team", "t", "roles", "a,b")
    redis("HSET", "reeve:team:t", "state", "active")
    for role in ("a", "b"):
        redis("HSET", f"reeve:role:{role}", "mode", "enforce")
    redis("HSET", f"reeve:key:{KEYID}", "user", "alice", "state", "active")
    return redis


def quota(redis, subject, limit, used, end=FAR_MS):
    key = f"reeve:used:{{{subject}}}:{limit}"
    redis("HSET", key, "start", "1", "end", end, "used", used, "h:agent.1", "7:5")


def bucket(redis, subject, limit, debt, at):
    key = f"reeve:bucket:{{{subject}}}:{limit}"
    redis("HSET", key, "debt", debt, "rem", "3", "at", at, "h:agent.1", "7:5")


# Which limits.


def test_limits_of_user_team_roles_and_rules(admin, limits):
    for kind, name, limit in (("user", "{alice}", "q-user"), ("team", "t", "q-team")):
        limits("HSET", f"reeve:{kind}:{name}", "limits", limit)
    limits("HSET", "reeve:role:a", "limits", "q-global", "rule:1", "allow GET * /")
    limits("HSET", "reeve:role:b", "rule:1", "allow GET * /a limit=r-user,r-team cost=5")
    limits("HSET", "reeve:role:c", "limits", "r-global")
    shown = admin("usage", "alice")
    assert names(shown) == ["q-global", "q-team", "q-user", "r-team", "r-user"]
    assert [cells[1] for cells in rows(shown)] == [
        *("global:all", "team:t", "user:alice", "team:t", "user:alice")
    ]


def test_a_user_lifts_what_roles_name_and_nothing_else(admin, limits):
    limits("HSET", "reeve:user:{alice}", "limits", "!q-user,!q-global,!r-user,r-global")
    limits("HSET", "reeve:role:a", "limits", "q-user,q-team,r-global")
    limits("HSET", "reeve:role:b", "rule:1", "allow GET * / limit=r-user")
    limits("HSET", "reeve:team:t", "limits", "q-global")
    assert names(admin("usage", "alice")) == ["q-global", "q-team", "r-global"]


def test_a_limit_named_twice_is_shown_once(admin, limits):
    for key in ("user:{alice}", "team:t", "role:a", "role:b"):
        limits("HSET", f"reeve:{key}", "limits", "q-user")
    assert names(admin("usage", "alice")) == ["q-user"]


def test_nobody_limited(admin, limits):
    assert rows(admin("usage", "alice")) == []


def test_each_key_of_the_user_counts_for_itself(admin, limits):
    limits("HSET", "reeve:user:{alice}", "limits", "q-key,r-key")
    limits("HSET", "reeve:key:AAAAAAAAAA", "user", "alice")
    limits("HSET", "reeve:key:BBBBBBBBBB", "user", "bob")
    quota(limits, f"key:{KEYID}", "q-key", 7)
    assert [cells[:4] for cells in rows(admin("usage", "alice"))] == [
        ["q-key", f"key:{KEYID}", "100 per day UTC", "7"],
        ["q-key", "key:AAAAAAAAAA", "100 per day UTC", "0"],
        ["r-key", f"key:{KEYID}", "60/min burst 50", "0"],
        ["r-key", "key:AAAAAAAAAA", "60/min burst 50", "0"],
    ]


def test_each_role_that_names_a_limit_counts_for_itself(admin, limits):
    limits("HSET", "reeve:role:a", "limits", "q-role")
    assert [cells[1] for cells in rows(admin("usage", "alice"))] == ["role:a"]
    limits("HSET", "reeve:role:b", "rule:1", "allow GET * / limit=q-role")
    assert [cells[1] for cells in rows(admin("usage", "alice"))] == ["role:a", "role:b"]
    limits("HDEL", "reeve:role:a", "limits")
    limits("HDEL", "reeve:role:b", "rule:1")
    limits("HSET", "reeve:user:{alice}", "limits", "q-role")
    assert [cells[1] for cells in rows(admin("usage", "alice"))] == ["(no role)"]
    limits("HSET", "reeve:role:a", "limits", "q-role")
    assert [cells[1] for cells in rows(admin("usage", "alice"))] == ["role:a"]


def test_a_dot_in_a_name_is_no_pattern(admin, limits):
    for limit, role in (("q.x", "a"), ("qax", "b")):
        limits("HSET", f"reeve:limit:{limit}", "quota", "1", "per", "day", "scope", "role")
        limits("HSET", f"reeve:role:{role}", "limits", limit)
    shown = rows(admin("usage", "alice"))
    assert [cells[:2] for cells in shown] == [["q.x", "role:a"], ["qax", "role:b"]]


def test_what_is_counted_of_nobody_says_so(admin, limits):
    limits("HSET", "reeve:user:{bob}", "state", "active", "limits", "q-key,q-team,q-role,q-source")
    assert [cells[:2] for cells in rows(admin("usage", "bob"))] == [
        ["q-key", "(no key)"],
        ["q-role", "(no role)"],
        ["q-source", "(each source)"],
        ["q-team", "(no team)"],
    ]


def test_limits_that_are_missing_or_bad_stand_among_the_others(admin, limits):
    limits("HSET", "reeve:limit:bad", "quota", "5")
    limits("SET", "reeve:limit:string", "x")
    limits("HSET", "reeve:user:{alice}", "limits", "bad,none,q-user,string")
    assert [cells[:3] for cells in rows(admin("usage", "alice"))] == [
        ["bad", "-", "(bad_record: quota: goes only with per)"],
        ["none", "-", "(no such limit)"],
        ["q-user", "user:alice", "100 per day UTC"],
        ["string", "-", "(the key holds a string, not a hash)"],
    ]


def test_roles_and_teams_that_are_missing_are_warned_of(admin, limits):
    limits("HSET", "reeve:user:{alice}", "team", "x", "roles", "a,y")
    assert admin.warns("usage", "alice") == [
        "user alice: team x: no such team",
        "user alice: role y: no such role",
    ]


def test_strange_records_name_nothing_strange(admin, limits):
    limits("HSET", "reeve:user:{alice}", "team", 't"\n', "roles", "a b,$(id),a,*")
    limits("HSET", "reeve:user:{alice}", "limits", "q-user\nx,'\",!!,!,q-user\x1b[2J,q-user")
    limits("HSET", "reeve:role:a", "limits", "!q-user,,q-global")
    limits("HSET", "reeve:role:a", "rule:1", "allow GET * / limit=q-team nonsense")
    shown = admin("usage", "alice")
    assert names(shown) == ["q-global", "q-user"] and "\x1b" not in shown


def test_users_of_any_name(admin, limits):
    limits("HSET", "reeve:user:{auth0%7C%C3%A9}", "state", "active", "limits", "q-user,q-key")
    quota(limits, "user:auth0%7C%C3%A9", "q-user", 9)
    assert rows(admin("usage", "auth0|é")) == [
        ["q-key", "(no key)", "100 per day UTC", "-", "-", "-"],
        ["q-user", "user:auth0|é", "100 per day UTC", "9", "91", "2100-01-01T00:00:00Z"],
    ]
    admin("usage", "reset", "auth0|é", "q-user")
    assert limits.hash("reeve:used:{user:auth0%7C%C3%A9}:q-user")["used"] == "0"


# What counters say.


def test_a_quota(admin, limits):
    for used, left in (("0", "100"), ("99", "1"), ("100", "0"), ("250", "0")):
        quota(limits, "user:alice", "q-user", used)
        assert row(admin("usage", "show", "alice", "q-user")) == [
            *("q-user", "user:alice", "100 per day UTC", used, left, "2100-01-01T00:00:00Z")
        ]


def test_the_largest_quota_keeps_every_digit(admin, limits):
    limits("HSET", "reeve:limit:q-user", "quota", "1000000000000000")
    quota(limits, "user:alice", "q-user", "999999999999998")
    assert row(admin("usage", "show", "alice", "q-user"))[3:5] == ["999999999999998", "2"]


def test_a_window_that_is_over_counts_as_nothing_used(admin, limits):
    quota(limits, "user:alice", "q-user", 100, end=int(time.time() * 1000) - 1)
    assert row(admin("usage", "show", "alice", "q-user"))[3:] == ["0", "100", "-"]


def test_a_bucket_that_refills(admin, limits):
    """60 a minute, 20 used ten seconds ago: 10 are left of them, refilled in ten seconds."""
    now = time.time()
    bucket(limits, "user:alice", "r-user", 20, int((now - 10) * 1000000))
    name, subject, value, used, left, resets = row(admin("usage", "show", "alice", "r-user"))
    assert (name, subject, value) == ("r-user", "user:alice", "60/min burst 50")
    assert 5 <= int(used) <= 10 and int(used) + int(left) == 50
    at = time.strptime(resets, "%Y-%m-%dT%H:%M:%SZ")
    assert now + 9 <= time.mktime(at) - time.timezone <= now + 15


def test_a_bucket_that_is_full_or_overdrawn(admin, limits):
    bucket(limits, "user:alice", "r-user", 50, int((time.time() - 60) * 1000000))
    assert row(admin("usage", "show", "alice", "r-user"))[3:] == ["0", "50", "-"]
    bucket(limits, "user:alice", "r-user", 80, int((time.time() + 60) * 1000000))
    assert row(admin("usage", "show", "alice", "r-user"))[3:5] == ["80", "0"]


def test_a_counter_that_was_only_reset(admin, limits):
    limits("HSET", "reeve:bucket:{user:alice}:r-user", "reset", "5")
    assert row(admin("usage", "show", "alice", "r-user"))[3:] == ["0", "50", "-"]


@pytest.mark.parametrize("value", ["", "x", "-1", "1e3", "0x10", "1.5", " 1", "9" * 17, "\x1b"])
def test_what_is_no_number_is_told(admin, limits, value):
    for field in ("used", "end"):
        limits("DEL", "reeve:used:{user:alice}:q-user")
        quota(limits, "user:alice", "q-user", 5)
        limits("HSET", "reeve:used:{user:alice}:q-user", field, value)
        assert row(admin("usage", "show", "alice", "q-user"))[3:] == ["?", "?", "?"]
    for field in ("debt", "at"):
        limits("DEL", "reeve:bucket:{user:alice}:r-user")
        bucket(limits, "user:alice", "r-user", 5, 5)
        limits("HSET", "reeve:bucket:{user:alice}:r-user", field, value)
        assert row(admin("usage", "show", "alice", "r-user"))[3:] == ["?", "?", "?"]


def test_a_counter_of_another_type_is_told(admin, limits):
    limits("SET", "reeve:used:{user:alice}:q-user", "x")
    limits("HSET", "reeve:user:{alice}", "limits", "q-user,r-user")
    assert [cells[3] for cells in rows(admin("usage", "alice"))] == ["?", "0"]


def test_huge_numbers_do_no_harm(admin, limits):
    limits("HSET", "reeve:limit:r-user", "rate", "1/h")
    bucket(limits, "user:alice", "r-user", "9" * 16, "9" * 16)
    quota(limits, "user:alice", "q-user", "9" * 16, end="9" * 16)
    for limit in ("r-user", "q-user"):
        cells = row(admin("usage", "show", "alice", limit))
        assert cells[4] == "0" and cells[5] == "?"


# Whose counters.

SUBJECTS = {
    "user:alice": "user:alice",
    f"key:{KEYID}": f"key:{KEYID}",
    "team:t": "team:t",
    "role:a": "role:a",
    "global:all": "global:all",
    "source:10.1.2.3": "source:10.1.2.3",
    "source:::ffff:10.1.2.3": "source:10.1.2.3",
    "source:::FFFF:0a01:203": "source:10.1.2.3",
    "source:2001:db8::": "source:2001:db8::",
    "source:2001:0DB8:0:0:1:2:3:4": "source:2001:db8::",
    "source:2001:db8:0:7::1": "source:2001:db8:0:7::",
    "source:0:0:0:9:1:1:1:1": "source:0:0:0:9::",
    "source:1:0:0:0:ffff::": "source:1::",
    "source:::": "source:::",
    "source:::1": "source:::",
    "source:::10.1.2.3": "source:::",
    "source:fe80::1:2": "source:fe80::",
}


@pytest.mark.parametrize("given", SUBJECTS)
def test_every_scope_is_shown_and_reset(admin, limits, given):
    scope, subject = given.split(":")[0], SUBJECTS[given]
    quota(limits, subject, f"q-{scope}", 7)
    shown = row(admin("usage", "show", "--subject", given, f"q-{scope}"))
    assert shown[:4] == [f"q-{scope}", subject, "100 per day UTC", "7"]
    admin("usage", "reset", "--subject", given, f"q-{scope}")
    assert limits.hash(f"reeve:used:{{{subject}}}:q-{scope}")["used"] == "0"
    assert row(admin("usage", "show", "--subject", given, f"q-{scope}"))[3:5] == ["0", "100"]


# Resets.


def is_now(text):
    return abs(int(text) - time.time() * 1000) < 60000


def test_a_quota_is_reset_and_the_rest_stays(admin, limits):
    key = "reeve:used:{user:alice}:q-user"
    quota(limits, "user:alice", "q-user", 99)
    limits("PEXPIREAT", key, FAR_MS)
    admin("usage", "reset", "alice", "q-user")
    fields = limits.hash(key)
    assert is_now(fields.pop("reset"))
    assert fields == {"start": "1", "end": str(FAR_MS), "used": "0", "h:agent.1": "7:5"}
    assert limits("PTTL", key) > 0


def test_a_bucket_is_reset_and_the_rest_stays(admin, limits):
    bucket(limits, "user:alice", "r-user", 40, 1764000000123456)
    admin("usage", "reset", "alice", "r-user")
    fields = limits.hash("reeve:bucket:{user:alice}:r-user")
    assert is_now(fields.pop("reset"))
    assert fields == {"debt": "0", "rem": "0", "at": "1764000000123456", "h:agent.1": "7:5"}


def test_a_counter_that_does_not_exist_gets_its_reset(admin, limits):
    """An agent may remember what a Redis that lost its data does not."""
    for _ in range(2):
        admin("usage", "reset", "alice", "q-user")
        admin("usage", "reset", "alice", "r-user")
        used = limits.hash("reeve:used:{user:alice}:q-user")
        assert is_now(used.pop("reset")) and used == {"start": "0", "end": "0", "used": "0"}
        assert list(limits.hash("reeve:bucket:{user:alice}:r-user")) == ["reset"]


def test_a_reset_touches_no_other_counter(admin, limits):
    for subject, limit in (("user:alice", "q-user"), ("user:bob", "q-user"), ("global:all", "g")):
        quota(limits, subject, limit, 5)
    before = limits.records()
    admin("usage", "reset", "alice", "q-user")
    after = limits.records()
    changed = [key for key in before if before[key] != after[key]]
    assert changed == [b"reeve:used:{user:alice}:q-user"] and before.keys() == after.keys()


def test_showing_changes_nothing(admin, limits):
    limits("HSET", "reeve:user:{alice}", "limits", "q-user,r-user,q-key,q-source,none")
    before = limits.snapshot()
    admin("usage", "alice")
    admin("usage", "show", "alice", "q-user")
    assert limits.snapshot() == before
