"""Refused input: one clear line, exit status 1, and not a byte changed in Redis."""

import pytest

KEYID = "0123456789"
HASH = "sha256:" + "ab" * 32
NO_NAME = "is not a name (1 to 64 of A-Z a-z 0-9 . _ @ -)"

# (words, what the line says; None: anything)
REFUSED = [
    ("user add alice", "user alice: exists already"),
    ("user add bob roles=a,,b", f"user bob: roles: '' {NO_NAME}"),
    ("user add bob roles=a,b,a", "user bob: roles: 'a' stands twice"),
    ("user add bob roles=", "user bob: roles: empty"),
    ("user add bob allow_from=", "user bob: allow_from: empty"),
    ("user add bob roles=a roles=b", "user bob: roles: given twice"),
    ("user add bob team=a|b", f"user bob: team: 'a|b' {NO_NAME}"),
    ("user add bob limits=a,!a", "user bob: limits: '!a' stands twice"),
    ("user add bob state=on", "user bob: state: 'on' is not active or disabled"),
    ("user add bob allow_from=10.0.0.1/8", None),
    ("user add bob allow_from=10.0.0.0/8,300.0.0.1", None),
    ("user add bob allow_from=2001:db8::1/32", None),
    ("user add bob expires=2027-02-29", None),
    ("user add bob expires=tomorrow", None),
    ("user add bob expires=0", None),
    ("user add bob password=$x$y", None),
    ("user add bob hash=x", None),
    ("user add bob rule:1=x", None),
    ("user add bob Roles=a", None),
    ("user add bob =a", None),
    ("user add string", "user string: the key holds a string, not a hash"),
    ("user set bob team=a", "user bob: no such user"),
    ("user set alice team=a/b", f"user alice: team: 'a/b' {NO_NAME}"),
    ("user set alice team=b roles=x,", f"user alice: roles: '' {NO_NAME}"),
    ("user set alice team=b nope=1", None),
    ("user set alice team= team=b", "user alice: team: given twice"),
    ("user set alice tokens_not_before=never", None),
    ("user set string team=a", "user string: the key holds a string, not a hash"),
    ("user show bob", "user bob: no such user"),
    ("user show string", "user string: the key holds a string, not a hash"),
    ("user disable bob", "user bob: no such user"),
    ("user enable bob", "user bob: no such user"),
    ("user delete bob", "user bob: no such user"),
    ("user delete --keys bob", "user bob: no such user"),
    ("user delete alice", f"user alice: has keys (delete them too with --keys): {KEYID}"),
    ("key issue bob", "user bob: no such user"),
    ("key issue alice expires=soon", None),
    ("key issue alice expires=30D", None),
    ("key issue alice expires=", "key of alice: expires: empty"),
    ("key issue alice roles=a,b,", None),
    ("key issue alice roles=", "key of alice: roles: empty"),
    ("key issue alice allow_from=::1/127", None),
    ("key issue alice not_before=x", None),
    ("key issue alice not_before=never", None),
    ("key issue alice user=root", None),
    ("key issue alice hash=x", None),
    ("key issue alice state=active", None),
    ("key issue alice label=a\nb", None),
    ("key issue alice label=\udcff\udcfe", None),
    ("key issue string", "user string: the key holds a string, not a hash"),
    ("key issue odd|name", None),
    ("key show AAAAAAAAAA", "key AAAAAAAAAA: no such key"),
    ("key disable AAAAAAAAAA", "key AAAAAAAAAA: no such key"),
    ("key enable AAAAAAAAAA", "key AAAAAAAAAA: no such key"),
    ("key delete AAAAAAAAAA", "key AAAAAAAAAA: no such key"),
    ("key delete AAAAAAAAA", "key: not a keyid (10 of 0-9 A-Z a-z)"),
    ("key delete AAAAAAAAAAA", "key: not a keyid (10 of 0-9 A-Z a-z)"),
    ("key delete AAAAAAAAA*", "key: not a keyid (10 of 0-9 A-Z a-z)"),
    ("role set a/b", f"role a/b: 'a/b' {NO_NAME}"),
    ("role set * priority=1", f"role *: '*' {NO_NAME}"),
    ("role set new priority=2048", "role new: priority: '2048' is not a number from 0 to 2047"),
    ("role set new priority=0x1", None),
    ("role set reader mode=off", "role reader: mode: 'off' is not enforce or shadow"),
    ("role set reader rule:10=x", None),
    ("role set reader state=active", None),
    ("role rule add reader 10 allow_GET_*_/b", "role reader: rule 10: exists already"),
    ("role rule add nobody 10 allow_GET_*_/b", "role nobody: rule 10: no such role"),
    ("role rule add reader 20 allow_GET_*", None),
    ("role rule add reader 20 allow_GET_*_/a/**/b", None),
    ("role rule set reader 10 allow_GET_*_/a_cost=0", None),
    ("role rule set reader 10 deny_GET_*_/a_cost=1", None),
    ("role rule add reader a:b allow_GET_*_/b", f"role reader: rule a:b: 'a:b' {NO_NAME}"),
    ("role rule delete reader 11", "role reader: rule 11: no such rule"),
    ("role rule delete nobody 10", "role nobody: rule 10: no such role"),
    ("role show nobody", "role nobody: no such role"),
    ("role delete nobody", "role nobody: no such role"),
    ("team set a,b", f"team a,b: 'a,b' {NO_NAME}"),
    ("team set new limits=!a", f"team new: limits: '!a' {NO_NAME}"),
    ("team set new roles=a", None),
    ("team show nobody", "team nobody: no such team"),
    ("team disable nobody", "team nobody: no such team"),
    ("team delete nobody", "team nobody: no such team"),
    ("limit set new", "limit new: rate: missing, and no quota"),
    ("limit set new burst=5", "limit new: rate: missing, and no quota"),
    ("limit set new quota=5", "limit new: quota: goes only with per"),
    ("limit set new rate=1/s quota=5 per=day", "limit new: rate: never goes with quota"),
    ("limit set new rate=1/s per=day", "limit new: per: goes only with quota"),
    ("limit set new quota=5 per=hour tz=UTC", "limit new: tz: only of day, week and month"),
    ("limit set new rate= quota=5 per=day", "limit new: rate: empty"),
    ("limit set new rate=1/s rate=2/s", "limit new: rate: given twice"),
    ("limit set new rate=0/s", None),
    ("limit set new rate=1e3/s", None),
    ("limit set new rate=1/d", None),
    ("limit set new rate=1000000001/s", None),
    ("limit set new rate=1/s burst=0", None),
    ("limit set new quota=-1 per=day", None),
    ("limit set new quota=1000000000000001 per=day", None),
    ("limit set new quota=5 per=day tz=../../etc/passwd", None),
    ("limit set new quota=5 per=day tz=/etc/passwd", None),
    ("limit set new quota=5 per=day tz=Europe//Berlin", None),
    ("limit set new rate=1/s on_store_down=budget:0%", None),
    ("limit set new rate=1/s scope=ip", None),
    ("limit set new rate=1/s state=active", None),
    ("limit set a/b rate=1/s", f"limit a/b: 'a/b' {NO_NAME}"),
    ("limit set burst quota=5 per=day", "limit burst: rate: never goes with quota"),
    ("limit set burst rate=", "limit burst: rate: missing, and no quota"),
    ("limit set burst rate= quota=5 per=day", "limit burst: burst: goes only with rate"),
    ("limit set burst burst=5 note=a\nb", None),
    ("limit set daily per=", "limit daily: quota: goes only with per"),
    ("limit set daily per=minute", "limit daily: tz: only of day, week and month"),
    ("limit set daily quota= per= rate=1/s", "limit daily: tz: goes only with quota"),
    ("limit set string rate=1/s", "limit string: the key holds a string, not a hash"),
    ("limit show nope", "limit nope: no such limit"),
    ("limit delete nope", "limit nope: no such limit"),
    ("usage bob", "user bob: no such user"),
    ("usage string", "user string: the key holds a string, not a hash"),
    ("usage show bob daily", "user bob: no such user"),
    ("usage show alice nope", "limit nope: no such limit"),
    ("usage show alice bad", "limit bad: bad_record: burst: goes only with rate"),
    ("usage show alice string", "limit string: the key holds a string, not a hash"),
    ("usage reset bob daily", "user bob: no such user"),
    ("usage reset alice nope", "limit nope: no such limit"),
    ("usage reset alice bad", "limit bad: bad_record: burst: goes only with rate"),
    ("usage reset alice all", "limit all: counts by global, not by user"),
    ("usage reset --subject global:all daily", "limit daily: counts by user, not by global"),
    ("usage reset --subject user:bob daily", "user bob: no such user"),
    ("usage reset --subject key:AAAAAAAAAA daily", "key AAAAAAAAAA: no such key"),
    ("usage reset --subject key:* daily", "key:*: not a keyid"),
    ("usage reset --subject team:nobody daily", "team nobody: no such team"),
    ("usage reset --subject role:nobody daily", "role nobody: no such role"),
    ("usage reset --subject role:a/b daily", f"role:a/b: 'a/b' {NO_NAME}"),
    ("usage reset --subject user:a\nb daily", None),
    ("usage reset --subject user: daily", "user:: a user needs a name"),
    ("usage reset --subject global: all", None),
    ("usage reset --subject global:any all", None),
    ("usage reset --subject source:10.0.0.0/8 source", None),
    ("usage reset --subject source:10.0.0.256 source", None),
    ("usage reset --subject source:010.0.0.1 source", None),
    ("usage reset --subject source:2001:db8::/64 source", None),
    ("usage reset --subject source:1::2::3 source", None),
    ("usage reset --subject source:::1%eth0 source", None),
    ("usage reset --subject source:localhost source", None),
    ("usage reset --subject source:1.2.3.4} source", None),
    ("usage reset --subject source: source", None),
    ("usage reset --subject alice daily", None),
    ("usage reset --subject User:alice daily", None),
    ("usage reset --subject user.*:alice daily", None),
    ("usage reset --subject :alice daily", None),
    ("usage reset odd|name strings", None),
    ("record check limit rate=1/s quota=5", "record limit: rate: never goes with quota"),
    ("record check limit rate=1/s tz=", None),
    ("record check user state=on", "record user: state: 'on' is not active or disabled"),
    ("record check user roles=a", "record user: state: missing"),
    ("record check robot state=active", "record robot: 'robot' is not key, cert, user, team, role, limit or revoked"),
]

# Wrong usage: exit status 2.
MISUSED = [
    "",
    "nope",
    "user",
    "user nope",
    "role rule",
    "role rule nope",
    "user add",
    "user add --force bob",
    "user add bob team",
    "user set alice",
    "user show",
    "user show alice bob",
    "user list alice",
    "user delete",
    "user delete --keys",
    "user delete --all alice",
    "key issue",
    "key issue alice ci",
    "key list alice bob",
    "key show",
    "role set",
    "role rule add reader",
    "role rule add reader 20",
    "role rule add reader 20 allow GET * /",
    "role rule delete reader",
    "limit",
    "limit set",
    "limit set new rate",
    "limit show",
    "limit list daily",
    "limit delete",
    "limit delete daily burst",
    "limit disable daily",
    "usage",
    "usage alice daily",
    "usage --subject user:alice",
    "usage show alice",
    "usage reset alice",
    "usage reset --subject user:alice",
    "usage reset --subject user:alice daily burst",
    "usage reset --all alice",
    "record check",
]


def split(line):
    """Blanks separate words; an underscore stands for a blank of a rule."""
    is_rule = line.startswith("role rule")
    return [word.replace("_", " ") if is_rule else word for word in line.split(" ")]


@pytest.fixture
def filled(redis):
    redis("HSET", "reeve:user:{alice}", "state", "active", "team", "a", "roles", "reader")
    redis("HSET", "reeve:user:{odd%7Cname}", "state", "active")
    redis("HSET", f"reeve:key:{KEYID}", "user", "alice", "hash", HASH, "state", "active")
    redis("HSET", "reeve:role:reader", "rule:10", "allow GET * /a", "mode", "enforce")
    redis("HSET", "reeve:team:t", "state", "active")
    redis("HSET", "reeve:limit:burst", "rate", "100/s", "burst", "200")
    redis("HSET", "reeve:limit:daily", "quota", "100", "per", "day", "tz", "UTC")
    redis("HSET", "reeve:limit:all", "quota", "100", "per", "day", "scope", "global")
    redis("HSET", "reeve:limit:source", "rate", "1/s", "scope", "source")
    redis("HSET", "reeve:limit:strings", "rate", "1/s")
    redis("HSET", "reeve:limit:bad", "quota", "100", "per", "day", "burst", "1")
    for key in ("user:{string}", "limit:string", "bucket:{user:odd%7Cname}:strings"):
        redis("SET", f"reeve:{key}", "x")
    return redis


@pytest.mark.parametrize("line,said", REFUSED, ids=[ascii(line) for line, _ in REFUSED])
def test_refuses_and_changes_nothing(admin, filled, line, said):
    before = filled.snapshot()
    fault = admin.refuses(*split(line))
    if said is not None:
        assert fault == said
    assert filled.snapshot() == before


@pytest.mark.parametrize("line", MISUSED)
def test_wrong_usage_changes_nothing(admin, filled, line):
    before = filled.snapshot()
    fault = admin.refuses(*(line.split(" ") if line else []), status=2)
    assert "--help" in fault
    assert filled.snapshot() == before


def test_control_characters_do_not_reach_the_terminal(admin):
    for words in (("user", "show", "a\x1b[2J\nb"), ("user", "add", "a\x1b[2J\nb", "team=\x07")):
        assert "\x1b" not in admin.refuses(*words)


def test_a_refused_key_is_never_printed(admin, filled):
    done = admin.run("key", "issue", "alice", "label=" + "x" * 257)
    assert done.returncode == 1 and "rv_" not in done.stdout + done.stderr
