"""limit commands, and what names limits."""

from support import CORPUS


def test_set_adds_a_limit_as_given(admin, redis):
    admin("limit", "set", "burst", "rate=100/s", "burst=200", "scope=key")
    admin("limit", "set", "daily", "quota=100000", "per=day", "on_store_down=budget:2%")
    assert redis.hash("reeve:limit:burst") == {"rate": "100/s", "burst": "200", "scope": "key"}
    assert redis.hash("reeve:limit:daily") == {
        "quota": "100000",
        "per": "day",
        "on_store_down": "budget:2%",
    }


def test_set_changes_fields(admin, redis):
    redis("HSET", "reeve:limit:l", "rate", "1/s", "burst", "5", "note", "n")
    admin("limit", "set", "l", "rate=9/min", "note=", "mode=shadow")
    assert redis.hash("reeve:limit:l") == {"rate": "9/min", "burst": "5", "mode": "shadow"}


def test_a_rate_becomes_a_quota_and_back_in_one_step(admin, redis):
    admin("limit", "set", "l", "rate=100/s", "burst=5", "scope=team")
    admin("limit", "set", "l", "rate=", "burst=", "quota=7", "per=week")
    assert redis.hash("reeve:limit:l") == {"quota": "7", "per": "week", "scope": "team"}
    admin("limit", "set", "l", "quota=", "per=", "rate=1/h")
    assert redis.hash("reeve:limit:l") == {"rate": "1/h", "scope": "team"}


def test_the_largest_numbers_keep_every_digit(admin, redis):
    admin("limit", "set", "q", "quota=1000000000000000", "per=month")
    admin("limit", "set", "r", "rate=1000000000/h", "burst=1000000000")
    assert redis.hash("reeve:limit:q")["quota"] == "1000000000000000"
    assert redis.hash("reeve:limit:r") == {"rate": "1000000000/h", "burst": "1000000000"}


def test_a_bad_limit_is_set_right_by_naming_what_is_wrong(admin, redis):
    redis("HSET", "reeve:limit:l", "rate", "1/s", "per", "day")
    assert "per: goes only with quota" in admin.refuses("limit", "set", "l", "burst=2")
    admin("limit", "set", "l", "burst=2", "per=")
    assert redis.hash("reeve:limit:l") == {"rate": "1/s", "burst": "2"}


def test_a_zone_this_machine_does_not_know_is_a_warning(admin, redis):
    for zone in ("Mars/Olympus", "Europe"):
        assert admin.warns("limit", "set", "l", "quota=1", "per=day", f"tz={zone}") == [
            f"limit l: tz: this machine knows no time zone '{zone}'"
        ]
        assert redis.hash("reeve:limit:l")["tz"] == zone
    admin("limit", "set", "l", "tz=Europe/Berlin")
    admin("limit", "set", "l", "tz=")
    assert "tz" not in redis.hash("reeve:limit:l")


def test_show(admin, redis):
    admin("limit", "set", "l", "quota=5", "per=day", "scope=key", "mode=shadow", "note=é")
    assert admin("limit", "show", "l").splitlines() == [
        "limit  l",
        "mode   shadow",
        "quota  5",
        "per    day",
        "scope  key",
        "note   é",
    ]
    redis("HSET", "reeve:limit:l", "rate", "1/s\x1b")
    shown = admin("limit", "show", "l")
    assert "rate   1/s\\x1b" in shown and "bad_record: rate: " in shown


def test_list(admin, redis):
    admin("limit", "set", "a", "rate=120/min", "scope=source", "note=n")
    admin("limit", "set", "b", "quota=0", "per=week", "tz=Europe/Berlin", "mode=shadow")
    redis("HSET", "reeve:limit:c", "quota", "5\t\n")
    redis("SET", "reeve:limit:d", "x")
    assert [line.split() for line in admin("limit", "list").splitlines()] == [
        ["LIMIT", "MODE", "VALUE", "SCOPE", "ON_STORE_DOWN", "NOTE"],
        ["a", "enforce", "120/min", "burst", "2", "source", "-", "n"],
        ["b", "shadow", "0", "per", "week", "Europe/Berlin", "(shadow)", "-", "-", "-"],
        ["c", "bad_record", "-", "-", "-", "-"],
        ["d", "bad_record"],
    ]


def test_delete(admin, redis):
    admin("limit", "set", "l", "rate=1/s")
    admin("limit", "delete", "l")
    assert redis.records() == {}


def test_whatever_names_a_limit_that_does_not_exist_is_warned_of(admin, redis):
    admin("limit", "set", "l", "rate=1/s")
    admin("role", "set", "r", "limits=l")
    admin("user", "add", "a", "limits=l")
    admin("user", "set", "a", "limits=!l")
    admin("role", "rule", "add", "r", "1", "allow GET * /a limit=l cost=2")
    told = "no such limit 'x'"
    assert admin.warns("user", "add", "u", "limits=l,x") == [f"user u: limits: {told}"]
    assert admin.warns("user", "set", "u", "limits=!x") == [f"user u: limits: {told}"]
    assert admin.warns("team", "set", "t", "limits=x") == [f"team t: limits: {told}"]
    assert admin.warns("role", "set", "r", "limits=x") == [f"role r: limits: {told}"]
    for verb, text in (("add", "limit=x,l cost=2"), ("set", "cost=2 limit=x")):
        words = ("role", "rule", verb, "r", "2", f"allow GET * /b {text}")
        assert admin.warns(*words) == [f"role r: rule 2: limit: {told}"]
    assert redis.hash("reeve:role:r")["limits"] == "x"


def test_writing_takes_what_the_corpus_calls_good(admin, redis):
    blocks = [block.split("\n") for block in CORPUS.read_text().strip().split("\n\n")]
    good = [rest for first, *rest in blocks if first.startswith("limit good")]
    assert len(good) >= 40
    for lines in good:
        fields = dict(line.split("\t") for line in lines if "\\" not in line)
        given = [f"{name}={value}" for name, value in fields.items() if value != ""]
        assert admin.run("limit", "set", "l", *given).returncode == 0, fields
        assert redis.hash("reeve:limit:l") == {k: v for k, v in fields.items() if v != ""}
        redis("DEL", "reeve:limit:l")


def test_a_bad_key_can_still_be_disabled(admin, redis):
    redis("HSET", "reeve:key:0123456789", "user", "a", "state", "active", "hash2_until", "9")
    admin("key", "disable", "0123456789")
    assert redis.hash("reeve:key:0123456789")["state"] == "disabled"
