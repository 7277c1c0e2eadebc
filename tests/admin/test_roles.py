"""role and team commands."""


def add_limits(redis, *names):
    for name in names:
        redis("HSET", f"reeve:limit:{name}", "rate", "1/s")


def test_set_adds_a_role(admin, redis):
    admin("role", "set", "reader", "priority=5")
    assert redis.hash("reeve:role:reader") == {"priority": "5", "mode": "enforce"}


def test_set_without_fields_adds_a_role(admin, redis):
    admin("role", "set", "empty")
    assert redis.hash("reeve:role:empty") == {"mode": "enforce"}


def test_set_changes_fields_and_leaves_rules(admin, redis):
    redis("HSET", "reeve:role:r", "rule:10", "allow GET * /", "priority", "5", "mode", "enforce")
    add_limits(redis, "a", "b")
    admin("role", "set", "r", "priority=", "mode=shadow", "limits=a,b", "note=n")
    assert redis.hash("reeve:role:r") == {
        "rule:10": "allow GET * /",
        "mode": "shadow",
        "limits": "a,b",
        "note": "n",
    }


def test_rules_are_added_replaced_and_deleted(admin, redis):
    add_limits(redis, "a")
    admin("role", "set", "reader")
    admin("role", "rule", "add", "reader", "10", "allow GET,HEAD * /v1/orders/**")
    admin("role", "rule", "set", "reader", "10", "allow GET * /v1/orders/** cost=2 limit=a")
    admin("role", "rule", "set", "reader", "20", "deny * *.example.com /v1/{id}")
    assert redis.hash("reeve:role:reader") == {
        "mode": "enforce",
        "rule:10": "allow GET * /v1/orders/** cost=2 limit=a",
        "rule:20": "deny * *.example.com /v1/{id}",
    }
    admin("role", "rule", "delete", "reader", "10")
    assert "rule:10" not in redis.hash("reeve:role:reader")


def test_a_role_outlives_its_last_rule(admin, redis):
    redis("HSET", "reeve:role:r", "rule:10", "allow GET * /")
    admin("role", "rule", "delete", "r", "10")
    assert redis.hash("reeve:role:r") == {"mode": "enforce"}


def test_show_orders_rules_by_number(admin, redis):
    for rule in ("100", "20", "a", "3", "03"):
        redis("HSET", "reeve:role:r", f"rule:{rule}", "deny * * /")
    redis("HSET", "reeve:role:r", "priority", "7", "zzz", "x")
    names = [line.split()[0] for line in admin("role", "show", "r").splitlines()]
    assert names == [
        *("role", "priority", "rule:03", "rule:3", "rule:20", "rule:100", "rule:a", "zzz"),
        "bad_record:",
    ]


def test_list_counts_rules(admin, redis):
    redis("HSET", "reeve:role:r", "rule:1", "allow GET * /", "rule:2", "deny * * /a")
    redis("HSET", "reeve:role:r", "priority", "7")
    redis("HSET", "reeve:role:s", "mode", "shadow", "note", "n")
    redis("HSET", "reeve:role:t", "rule:1", "allow")
    assert [line.split() for line in admin("role", "list").splitlines()] == [
        ["ROLE", "MODE", "PRIORITY", "RULES", "LIMITS", "NOTE"],
        ["r", "enforce", "7", "2", "-", "-"],
        ["s", "shadow", "-", "0", "-", "n"],
        ["t", "bad_record", "-", "1", "-", "-"],
    ]


def test_delete_role(admin, redis):
    admin("role", "set", "r")
    admin("role", "delete", "r")
    assert redis.records() == {}


def test_a_full_role_takes_no_more_rules(admin, redis):
    words = [word for number in range(20000) for word in (f"rule:{number}", "deny * * /")]
    redis("HSET", "reeve:role:big", "mode", "enforce", "priority", "1", *words)
    fault = admin.refuses("role", "rule", "add", "big", "more", "deny * * /")
    assert fault == "role big: rule more: the role is full (20000 rules)"
    admin("role", "rule", "set", "big", "7", "allow GET * /")
    admin("role", "rule", "delete", "big", "8")
    admin("role", "rule", "add", "big", "more", "deny * * /")


def test_teams(admin, redis):
    add_limits(redis, "a", "b")
    admin("team", "set", "payments", "limits=a,b", "note=n")
    assert redis.hash("reeve:team:payments") == {"state": "active", "limits": "a,b", "note": "n"}
    admin("team", "disable", "payments")
    assert redis.hash("reeve:team:payments")["state"] == "disabled"
    admin("team", "set", "payments", "limits=")
    admin("team", "enable", "payments")
    assert admin("team", "show", "payments").splitlines() == [
        "team   payments",
        "state  active",
        "note   n",
    ]
    assert [line.split() for line in admin("team", "list").splitlines()] == [
        ["TEAM", "STATE", "LIMITS", "NOTE"],
        ["payments", "active", "-", "n"],
    ]
    admin("team", "delete", "payments")
    assert list(redis.records()) == [b"reeve:limit:a", b"reeve:limit:b"]
