"""user add, set, show, list, disable, enable, delete."""

from support import key_id

PHC = "$scrypt$ln=14,r=8,p=5$AwoRGB8mLTQ7QklQV15lbA$AwoRGB8mLTQ7QklQV15lbHN6gYiPlp2kq7K5wMfO1dw"


def test_add_writes_what_was_said_and_a_state(admin, redis):
    redis("HSET", "reeve:role:reader", "mode", "enforce")
    redis("HSET", "reeve:role:writer", "mode", "enforce")
    assert admin("user", "add", "alice", "roles=reader,writer", "team=payments") == ""
    assert redis.hash("reeve:user:{alice}") == {
        "state": "active",
        "roles": "reader,writer",
        "team": "payments",
    }


def test_add_takes_every_field(admin, redis):
    fields = {
        "state": "disabled",
        "team": "t",
        "limits": "fast,!slow",
        "allow_from": "10.0.0.0/8,2001:db8::/32",
        "expires": "2000000000",
        "tokens_not_before": "1700000000",
        "note": 'über "alles" \\x41 = $HOME `id` %s',
    }
    for limit in ("fast", "slow"):
        redis("HSET", f"reeve:limit:{limit}", "rate", "1/s")
    admin("user", "add", "bob", *(f"{name}={value}" for name, value in fields.items()))
    assert redis.hash("reeve:user:{bob}") == fields


def test_add_warns_of_missing_roles(admin, redis):
    redis("HSET", "reeve:role:reader", "mode", "enforce")
    assert admin.warns("user", "add", "alice", "roles=reader,writer") == [
        "user alice: roles: no such role 'writer'"
    ]
    assert redis.hash("reeve:user:{alice}")["roles"] == "reader,writer"


def test_add_warns_of_an_end_in_the_past(admin):
    assert admin.warns("user", "add", "alice", "expires=1") == [
        "user alice: expires: 1970-01-01T00:00:01Z is past"
    ]


def test_names_outside_the_plain_ones_are_percent_encoded(admin, redis):
    name = "auth0|Jörg {1}%/\\"
    admin("user", "add", name, "note=n")
    assert list(redis.records()) == ["reeve:user:{auth0%7CJ%C3%B6rg%20%7B1%7D%25%2F%5C}".encode()]
    assert name in admin("user", "show", name)
    assert name in admin("user", "list")
    admin("user", "disable", name)
    admin("user", "delete", name)
    assert redis.records() == {}


def test_set_changes_adds_and_deletes(admin, redis):
    redis("HSET", "reeve:user:{alice}", "state", "active", "team", "a", "allow_from", "10.0.0.0/8")
    admin("user", "set", "alice", "team=b", "allow_from=", "note=x")
    assert redis.hash("reeve:user:{alice}") == {"state": "active", "team": "b", "note": "x"}


def test_never_and_an_empty_value_delete_the_end(admin, redis):
    for word in ("expires=", "expires=never"):
        redis("HSET", "reeve:user:{alice}", "state", "active", "expires", "2000000000")
        admin("user", "set", "alice", word)
        assert redis.hash("reeve:user:{alice}") == {"state": "active"}


def test_an_emptied_state_is_active(admin, redis):
    redis("HSET", "reeve:user:{alice}", "state", "disabled")
    admin("user", "set", "alice", "state=")
    assert redis.hash("reeve:user:{alice}") == {"state": "active"}


def test_disable_and_enable(admin, redis):
    redis("HSET", "reeve:user:{alice}", "state", "active", "team", "a")
    admin("user", "disable", "alice")
    assert redis.hash("reeve:user:{alice}") == {"state": "disabled", "team": "a"}
    admin("user", "enable", "alice")
    assert redis.hash("reeve:user:{alice}") == {"state": "active", "team": "a"}


def test_a_bad_record_can_be_disabled(admin, redis):
    redis("HSET", "reeve:user:{alice}", "state", "active", "rolls", "a")
    admin("user", "disable", "alice")
    assert redis.hash("reeve:user:{alice}")["state"] == "disabled"


def test_show_aligns_fields_and_hides_the_password(admin, redis):
    redis("HSET", "reeve:user:{alice}", "state", "active", "roles", "a,b", "expires", "2000000000")
    redis("HSET", "reeve:user:{alice}", "password", PHC)
    assert admin("user", "show", "alice").splitlines() == [
        "user      alice",
        "state     active",
        "roles     a,b",
        "expires   2000000000 (2033-05-18T03:33:20Z)",
        "password  (set)",
    ]


def test_show_tells_what_is_wrong_with_a_record(admin, redis):
    redis("HSET", "reeve:user:{alice}", "state", "active", "rolls", "a\x1b[2J\nb")
    shown = admin("user", "show", "alice")
    assert "bad_record: rolls: no such field" in shown
    assert "a\\x1b[2J\\x0ab" in shown


def test_list_tells_states(admin, redis):
    redis("HSET", "reeve:user:{a}", "state", "active", "roles", "r,s", "team", "t", "note", "n")
    redis("HSET", "reeve:user:{b}", "state", "disabled")
    redis("HSET", "reeve:user:{c}", "state", "active", "expires", "1000000000")
    redis("HSET", "reeve:user:{d}", "roles", "a,,b\t\n")
    redis("SET", "reeve:user:{e}", "x")
    redis("HSET", "reeve:user:{f}\nreeve:user:{a}", "state", "active")
    redis("HSET", "other:user:{g}", "state", "active")
    rows = [line.split() for line in admin("user", "list").splitlines()]
    assert rows == [
        ["USER", "STATE", "TEAM", "EXPIRES", "ROLES", "NOTE"],
        ["a", "active", "t", "-", "r,s", "n"],
        ["b", "disabled", "-", "-", "-", "-"],
        ["c", "expired", "-", "2001-09-09T01:46:40Z", "-", "-"],
        ["d", "bad_record", "-", "-", "a,,b\\x09\\x0a", "-"],
        ["e", "bad_record"],
    ]


def test_list_of_nothing_is_a_title(admin):
    assert admin("user", "list").split() == ["USER", "STATE", "TEAM", "EXPIRES", "ROLES", "NOTE"]


def test_list_finds_all_of_many(admin, redis):
    for number in range(500):
        redis("HSET", f"reeve:user:{{u{number}}}", "state", "active")
    names = {line.split()[0] for line in admin("user", "list").splitlines()[1:]}
    assert names == {f"u{number}" for number in range(500)}


def test_delete(admin, redis):
    redis("HSET", "reeve:user:{alice}", "state", "active")
    redis("HSET", "reeve:user:{bob}", "state", "active")
    admin("user", "delete", "alice")
    assert list(redis.records()) == [b"reeve:user:{bob}"]


def test_delete_with_keys_takes_only_the_users_keys(admin, redis):
    for user in ("alice", "bob"):
        admin("user", "add", user)
    first, second, others = (admin("key", "issue", user) for user in ("alice", "alice", "bob"))
    fault = admin.refuses("user", "delete", "alice")
    assert key_id(first) in fault and key_id(second) in fault and key_id(others) not in fault
    assert len(redis.records()) == 5

    admin("user", "delete", "--keys", "alice")
    kept = {b"reeve:user:{bob}", f"reeve:key:{key_id(others)}".encode()}
    assert set(redis.records()) == kept
