"""reevectl explain against a running agent: the same request gets the same verdict from both, and the
explanation takes nothing and changes nothing."""

import contextlib
import hashlib
import ipaddress
import json
import random
import shlex
import time

import pytest

from harness import reevectl
from harness.admin import Admin
from harness.agent import Agent
from harness.apikey import key_id, with_checksum
from harness.redis import Redis
from harness.resp import Connection
from harness.spop import Peer
from harness.stack import PATIENT
from harness.tokens import ISSUER, make_key, mint
from harness.wait import wait_until

pytestmark = pytest.mark.sanitized

SAME = ("verdict", "status", "reason", "rule", "user", "team", "roles", "credential", "path", "shadow",
        "limit")  # fmt: skip
GATES = """
gate "*" { accept = {apikey} }
gate "guests" { accept = {apikey} anonymous = "guest" forward = "canonical" }
gate "watched" { accept = {apikey} mode = "observe" }
"""


class Desk:
    """Redis, one agent that is asked over SPOP, and who explains, as the user that ships for that."""

    def __init__(self, directory):
        self.redis = Redis(directory)
        self.redis.start()
        self.admin = Admin(self.redis.url)
        gates = directory / "gates.conf"
        gates.write_text(GATES)
        self.agent = Agent("agent", "api-keys", directory, self.redis.url, **PATIENT)
        self.agent.use_config(gates)
        audit = self.agent.audit_path
        self.config = reevectl.reader_config(directory, self.redis, audit, GATES)

    def start(self):
        self.agent.start()
        self.peer = Peer.connect(self.agent.address)
        self.peer.greet()
        self.stream = 0
        return self

    def stop(self):
        self.agent.stop()
        self.redis.stop()

    def ask(self, path="/v1/a", key=None, method="GET", host="api.example.com", src="127.0.0.1", gate="api"):
        """What the agent says."""
        self.stream += 1
        more = {"host": host, "src": ipaddress.ip_address(src), "fe": gate}
        return self.peer.ask(self.stream, path=path, key=key, method=method, **more)

    def explain(self, path="/v1/a", key=None, method="GET", host="api.example.com", src="127.0.0.1",
                gate="api", words=()):  # fmt: skip
        words = self.words(path, key, method, host, src, gate, words)
        return reevectl.answer("explain", "-f", self.config, *words)

    @staticmethod
    def words(path, key, method, host, src, gate, words=()):
        words = words or (("--key-id", key_id(key)) if key else ("--anonymous",))
        return [*words, "--src", src, "--gate", gate, method, f"http://{host}{path}"]

    def explain_all(self, requests):
        """The same for many, in one process."""
        lines = [" ".join(self.words(**request)) for request in requests]
        done = reevectl.run("explain", "-f", self.config, "--batch", stdin="\n".join(lines))
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(told) == len(requests), done.stderr
        return told

    def state(self):
        """All of Redis but what agents say of themselves."""
        connection = Connection(self.redis.address)
        own = (b"reeve:agent", b"reeve:~canary", b"reeve:ack")
        state = {key: dump for key, dump in connection.snapshot().items() if not key.startswith(own)}
        connection.close()
        return state


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("explain"))
    try:
        fill(desk.admin)
        yield desk.start()
    finally:
        desk.stop()


def fill(admin):
    admin("limit", "set", "two", "quota=2", "per=month")
    admin("limit", "set", "slow", "rate=1/h", "burst=2")
    admin("limit", "set", "large", "quota=1000", "per=month")
    admin("limit", "set", "ghostly", "quota=0", "per=day", "mode=shadow")
    admin("limit", "set", "team", "quota=5", "per=month", "scope=team")
    admin("role", "set", "reader", "priority=7")
    admin("role", "rule", "add", "reader", "10", "allow GET * /v1/**")
    admin("role", "rule", "add", "reader", "20", "allow GET *.example.com /v1/{x}")
    admin("role", "rule", "add", "reader", "30", "deny GET * /v1/secret/**")
    admin("role", "set", "writer")
    admin("role", "rule", "add", "writer", "10", "allow * * /v1/{@user}/**")
    admin("role", "set", "trial", "mode=shadow")
    admin("role", "rule", "add", "trial", "10", "deny GET * /v1/a")
    admin("role", "set", "guest")
    admin("role", "rule", "add", "guest", "1", "allow GET * /public/**")
    for name, limits in [("few", "two"), ("slowly", "slow"), ("dear", "large"), ("seen", "ghostly")]:
        admin("role", "set", name, f"limits={limits}")
        admin("role", "rule", "add", name, "1", "allow GET * /v1/** cost=1")
    admin("role", "rule", "add", "dear", "2", "allow GET * /v1/dear cost=2000")
    admin("team", "set", "red")


def with_key(desk, name, *fields, key_fields=()):
    desk.admin("user", "add", name, *fields)
    return desk.admin.issue(name, *key_fields)


def same(verdict):
    """What agent and explanation must agree on; an empty variable is not set."""
    return {name: verdict.get(name) or None for name in SAME}


def agree(desk, status=None, **request):
    """Both say the same. Gives what explain says."""
    said = desk.ask(**request)
    code, told = desk.explain(**request)
    verdict = told["verdict"]
    assert same(verdict) == same(said)
    assert code == (0 if said["verdict"] == "allow" else 1)
    if status:
        assert verdict["status"] == status
    return told


CASES = [
    # user's fields, key's fields, request, status, reason
    ("allowed", ["roles=reader"], (), {}, 200, "ok"),
    ("more_literal", ["roles=reader"], (), {"path": "/v1/b/c"}, 200, "ok"),
    ("no_rule", ["roles=reader"], (), {"method": "POST"}, 403, "no_rule"),
    ("denied", ["roles=reader"], (), {"path": "/v1/secret/x"}, 403, "rule_denied"),
    ("own_path", ["roles=writer"], (), {"path": "/v1/own_path/x", "method": "PUT"}, 200, "ok"),
    ("other_path", ["roles=writer"], (), {"path": "/v1/alice/x", "method": "PUT"}, 403, "no_rule"),
    ("no_roles", [], (), {}, 403, "no_rule"),
    ("subset", ["roles=reader,writer"], ["roles=writer"], {}, 403, "no_rule"),
    ("no_such_role", ["roles=reader"], (), {}, 200, "ok"),
    ("shadow_role", ["roles=reader,trial"], (), {}, 200, "ok"),
    ("shadow_limit", ["roles=seen"], (), {}, 200, "ok"),
    ("wrong_source", ["roles=reader", "allow_from=10.0.0.0/8"], (), {}, 403, "source_address"),
    ("right_source", ["roles=reader", "allow_from=10.0.0.0/8"], (), {"src": "10.1.2.3"}, 200, "ok"),
    ("key_source", ["roles=reader"], ["allow_from=2001:db8::/32"], {"src": "2001:db9::1"}, 403, "source_address"),
    ("dots", ["roles=reader"], (), {"path": "/v1/../x"}, 400, "ambiguous_path"),
    ("canonical", ["roles=reader"], (), {"path": "/v1/%61", "gate": "guests"}, 200, "ok"),
    ("bad_host", ["roles=reader"], (), {"host": "a_b,c"}, 400, "bad_request"),
    ("upper_host", ["roles=reader"], (), {"host": "API.Example.COM:8080"}, 200, "ok"),
    ("lower_method", ["roles=reader"], (), {"method": "get"}, 403, "no_rule"),
    ("too_dear", ["roles=dear"], (), {"path": "/v1/dear"}, 403, "cost"),
    ("watched", ["roles=reader"], (), {"path": "/v1/secret/x", "gate": "watched"}, 403, "rule_denied"),
    ("team_limit", ["roles=reader", "team=red", "limits=team"], (), {}, 200, "ok"),
    ("missing_limit", ["roles=reader"], (), {}, 503, "bad_record"),
]  # fmt: skip

BROKEN = {
    "no_such_role": ("roles", "reader,nobody"),
    "missing_limit": ("limits", "nothing"),
}


@pytest.mark.parametrize("name, user, key, request_, status, reason", CASES, ids=[c[0] for c in CASES])
def test_explain_says_what_the_agent_says(desk, name, user, key, request_, status, reason):
    secret = with_key(desk, name, *user, key_fields=key)
    if name in BROKEN:
        desk.redis.command("HSET", f"reeve:user:{{{name}}}", *BROKEN[name])
    told = agree(desk, key=secret, **request_)
    assert told["verdict"]["reason"] == reason
    if request_.get("gate") == "watched":
        assert (told["verdict"]["verdict"], told["verdict"]["judged"]) == ("allow", "deny")
    else:
        assert told["verdict"]["status"] == status


def test_anonymous_callers(desk):
    assert agree(desk)["verdict"]["reason"] == "no_credential"
    assert agree(desk, gate="guests", path="/public/x")["verdict"]["rule"] == "guest/1"
    assert agree(desk, gate="guests", path="/v1/a")["verdict"]["reason"] == "no_credential"


def test_key_and_user_that_do_not_count_any_more(desk):
    secret = with_key(desk, "leaver", "roles=reader")
    record = f"reeve:key:{key_id(secret)}"
    changes = [
        (record, "expires", str(int(time.time()) - 1), "expired"),
        (record, "state", "disabled", "revoked"),
    ]
    agree(desk, key=secret, status=200)
    for key, field, value, reason in changes:
        desk.redis.command("HSET", key, field, value)
        wait_until(lambda: desk.ask(key=secret)["reason"] == reason, reason)
        agree(desk, key=secret)
    desk.admin("key", "delete", key_id(secret))
    wait_until(lambda: desk.ask(key=secret)["reason"] == "bad_credential", "an unknown key")
    code, told = desk.explain(key=secret)
    assert (code, told["verdict"]["reason"], told["verdict"]["fault"]) == (1, "bad_credential", "unknown key")


def test_disabled_user_and_team(desk):
    secret = with_key(desk, "blue", "roles=reader", "team=azure")
    desk.admin("team", "set", "azure")
    desk.admin("team", "disable", "azure", "--wait")
    assert agree(desk, key=secret)["verdict"]["fault"] == "team disabled"
    desk.admin("user", "disable", "blue", "--wait")
    assert agree(desk, key=secret)["verdict"]["fault"] == "user disabled"


@pytest.mark.parametrize("limit, reason", [("few", "quota"), ("slowly", "rate")])
def test_throttled_and_nothing_taken(desk, limit, reason):
    secret = with_key(desk, f"busy-{limit}", f"roles={limit}")
    before = desk.state()
    for _ in range(5):
        code, told = desk.explain(key=secret)
        (asked,) = told["limits"]
        assert (code, asked["left"], asked["most"], asked["answer"]) == (0, 2, 2, "enough")
    assert desk.state() == before
    while desk.ask(key=secret)["verdict"] == "allow":
        pass
    told = agree(desk, key=secret, status=429)
    assert told["verdict"]["reason"] == reason
    before = desk.state()
    _, told = desk.explain(key=secret)
    (asked,) = told["limits"]
    assert (asked["left"], asked["answer"]) == (0, "exhausted")
    assert desk.state() == before


def test_limits_behind_one_that_refused_are_told_too(desk):
    desk.admin("limit", "set", "never", "quota=0", "per=day")
    secret = with_key(desk, "both", "roles=reader", "limits=never,large")
    _, told = desk.explain(key=secret)
    limits = {one["limit"]: one for one in told["limits"]}
    assert (limits["large"]["left"], limits["large"]["answer"]) == (1000, "enough")
    assert {one["asked"] for one in limits.values()} == {True, False}


def test_bad_record_is_named_with_its_field(desk):
    secret = with_key(desk, "broken", "roles=reader")
    desk.redis.command("HSET", "reeve:user:{broken}", "rolse", "writer")
    wait_until(lambda: desk.ask(key=secret)["reason"] == "bad_record", "the record to count")
    told = agree(desk, key=secret, status=503)
    (bad,) = [record for record in told["records"] if record["state"] == "bad"]
    assert bad["key"] == "reeve:user:{broken}" and "rolse" in bad["fault"]


def test_each_rule_says_why(desk):
    secret = with_key(desk, "curious", "roles=reader,trial,writer", key_fields=["roles=reader"])
    _, told = desk.explain(key=secret, path="/v1/curious")
    outcomes = {
        f"{role['role']}/{rule['id']}": rule["outcome"] for role in told["roles"] for rule in role["rules"]
    }
    assert outcomes["reader/20"] == "decides"
    assert outcomes["reader/10"] == "matches, but reader/20 comes first"
    assert outcomes["reader/30"] == "the path differs at segment 2"
    assert outcomes["trial/10"] == "the path differs at segment 2"
    assert outcomes["writer/10"] == "matches, but the credential does not have this role"
    _, told = desk.explain(key=secret, path="/v1/secret/x", method="GET")
    (reader, _, _) = told["roles"]
    assert [rule["outcome"] for rule in reader["rules"]] == [
        "matches, but deny beats allow", "the path differs at segment 3", "decides"]  # fmt: skip


def test_a_user_without_a_credential_and_text_for_people(desk):
    with_key(desk, "plain", "roles=reader")
    code, told = desk.explain(words=("--user", "plain"))
    assert (code, told["verdict"]["rule"], told["caller"]["proved"]) == (0, "reader/20", False)
    done = reevectl.run("explain", "-f", desk.config, "--user", "plain", "POST", "https://a.example.com/v1/a")
    assert done.returncode == 1
    assert "deny 403 no_rule" in done.stdout
    assert "'allow POST a.example.com /v1/a'" in done.stdout
    code, told = desk.explain(words=("--user", "nobody"))
    assert (code, told["verdict"]["reason"], told["verdict"]["fault"]) == (
        1, "user_disabled", "the user does not exist")  # fmt: skip


def advice(desk, secret, **request):
    code, told = desk.explain(key=secret, **request)
    assert (code, told["verdict"]["reason"]) == (1, "no_rule")
    return told["advice"]


def test_advice_means_the_request_and_nothing_else(desk):
    """It is copied into a shell, and a request's texts are of whoever sent it."""
    secret = with_key(desk, "advised", "roles=reader")
    for request in (
        {"path": "/w/**"},
        {"path": "/w/*"},
        {"path": "/w/it's"},
        {"method": "*"},
        {"method": "`id`"},
        {"method": "A'B"},
    ):
        assert advice(desk, secret, **request).startswith("no rule can mean this request alone")
    told = advice(desk, secret, path="/w/$(id)!&(a)")
    assert told == "allow it: reeve-admin role rule add reader <id> 'allow GET api.example.com /w/$(id)!&(a)'"
    desk.admin("role", "rule", "add", "reader", "99", shlex.split(told)[-1])
    assert desk.explain(key=secret, path="/w/$(id)!&(a)")[0] == 0


def test_advice_names_a_role_that_counts(desk):
    secret = with_key(desk, "narrow", "roles=guest,trial,reader,writer", key_fields=["roles=writer,trial"])
    assert "role rule add writer " in advice(desk, secret, path="/w/x")
    secret = with_key(desk, "narrower", "roles=guest,trial,reader", key_fields=["roles=trial"])
    assert advice(desk, secret, path="/w/x") == "give the user and the credential a role that exists and is no shadow"


def test_secrets_are_not_shown(desk):
    secret = with_key(desk, "quiet", "roles=reader")
    record = desk.redis.command("HGET", f"reeve:key:{key_id(secret)}", "hash")
    for words in ((), ("--json",)):
        done = reevectl.run(
            "explain", "-f", desk.config, "--key-id", key_id(secret), *words, "GET", "http://a/v1/a"
        )
        assert "quiet" in done.stdout
        assert record.rsplit(":", 1)[1] not in done.stdout


def test_store_that_is_away_is_trouble(desk, tmp_path):
    config = tmp_path / "reeve.conf"
    config.write_text(desk.config.read_text().replace(str(desk.redis.address[1]), "1"))
    code, told = reevectl.answer("explain", "-f", config, "--user", "x", "--gate", "api", "GET", "http://a/")
    assert (code, told["verdict"]["reason"]) == (2, "store_down")
    assert told["records"][0]["state"] == "unknown" if told["records"] else True
    code = reevectl.run("explain", "-f", tmp_path / "none", "--user", "x", "GET", "http://a/").returncode
    assert code == 2


# ---- tokens ----


@contextlib.contextmanager
def asked(agent):
    """A connection to the agent, which runs meanwhile."""
    try:
        agent.start()
        with Peer.connect(agent.address) as peer:
            peer.greet()
            yield peer
    finally:
        agent.stop()


@pytest.fixture(scope="module")
def tokens(desk, tmp_path_factory):
    """ask(**claims): what explain says of a token, after the agent was asked the same."""
    folder = tmp_path_factory.mktemp("tokens")
    private = make_key(folder, "key")
    section = (
        'gate "tokens" { accept = {jwt} }\n'
        f'issuer "corp" {{ issuer = "{ISSUER}" audience = {{api}} algorithms = {{ES256}}\n'
        f'keys = {{"{private.with_suffix(".pem")}"}} roles_claim = roles }}\n'
    )
    config = folder / "reeve.conf"
    config.write_text(desk.config.read_text() + section)
    gates = folder / "gates.conf"
    gates.write_text(GATES + section)
    agent = Agent("tokens", "api-keys", folder, desk.redis.url, **PATIENT)
    agent.use_config(gates)
    with_key(desk, "token-user", "roles=reader,writer")
    file = folder / "token"
    file.touch(mode=0o600)
    with asked(agent) as peer:

        def ask(**claims):
            token = mint(private, sub="token-user", **claims)
            file.write_text(token + "\n")
            request = {"path": "/v1/a", "fe": "tokens", "authz": f"Bearer {token}", "authz_n": 1}
            said = peer.ask(1, **request)
            words = ["--token-file", file, "--gate", "tokens", "GET", "http://api.example.com/v1/a"]
            code, told = reevectl.answer("explain", "-f", config, *words)
            assert same(told["verdict"]) == same(said) and told["caller"]["proved"]
            return code, told["verdict"]

        ask.config, ask.agent = config, agent
        yield ask


def test_tokens_are_verified_as_the_agent_does(tokens):
    code, verdict = tokens(roles=["reader"])
    assert (code, verdict["rule"], verdict["credential"]) == (0, "reader/20", "jwt:corp")
    assert tokens(roles=["writer"])[1]["reason"] == "no_rule"
    assert tokens(roles=["reader"], aud="other")[1]["reason"] == "bad_credential"
    assert tokens(roles=["reader"], exp=int(time.time()) - 100)[1]["reason"] == "expired"


def test_records_of_tokens_are_asked_again(tokens):
    tokens(roles=["reader"], jti="one")

    def find():
        return [one for one in tokens.agent.audit() if one.get("credential", "").startswith("jwt:corp:")]

    record = wait_until(find, "the record of a token with a jti")[0]
    where = f"{tokens.agent.audit_path}:{record['seq']}"
    code, told = reevectl.answer("explain", "-f", tokens.config, "--record", where)
    assert (code, told["record"]["differences"]) == (0, [])
    assert any("token's roles" in note for note in told["record"]["notes"])


# ---- records of the audit ----


def record_of(desk, **request):
    """The audit's record of a request that the agent is asked now."""
    rid = f"replay-{desk.stream}"
    desk.stream += 1
    whole = {"path": "/v1/a", "key": None, "method": "GET", "host": "api.example.com", "src": "127.0.0.1",
             "gate": "api", **request}  # fmt: skip
    more = {"host": whole["host"], "src": ipaddress.ip_address(whole["src"]), "fe": whole["gate"], "rid": rid}
    desk.peer.ask(desk.stream, path=whole["path"], key=whole["key"], method=whole["method"], **more)
    return desk.agent.audit_of(rid)


def replay(desk, record, *words):
    where = f"{desk.agent.audit_path}:{record['seq']}"
    return reevectl.answer("explain", "-f", desk.config, "--record", where, *words)


def test_records_are_asked_again(desk):
    secret = with_key(desk, "again", "roles=reader,trial", key_fields=["roles=reader,writer"])
    requests = [{}, {"path": "/v1/secret/x"}, {"method": "POST"}, {"path": "/v1/../a"}, {"host": "a,b"},
                {"gate": "watched", "method": "POST"}, {"gate": "guests", "path": "/v1/%61"},
                {"gate": "guests", "key": None, "path": "/public/x"}, {"key": None}]  # fmt: skip
    for request in requests:
        record = record_of(desk, **{"key": secret, **request})
        code, told = replay(desk, record)
        assert (code, told["record"]["same"], told["record"]["differences"]) == (0, True, []), record
    done = reevectl.run("explain", "-f", desk.config, "--record", f"{desk.agent.audit_path}:{record['seq']}")
    assert "the same answer now" in done.stdout


def test_records_tell_what_has_changed_since(desk):
    desk.admin("role", "set", "changing")
    desk.admin("role", "rule", "add", "changing", "1", "allow GET * /v1/**")
    secret = with_key(desk, "changed", "roles=changing")
    record = record_of(desk, key=secret)
    desk.admin("role", "rule", "add", "changing", "2", "deny * * /v1/a")
    code, told = replay(desk, record)
    found = {one["name"]: (one.get("then"), one.get("now")) for one in told["record"]["differences"]}
    assert (code, found["verdict"], found["reason"]) == (1, ("allow", "deny"), ("ok", "rule_denied"))
    assert found["rule"] == ("changing/1", "changing/2")


def test_record_that_is_not_one(desk):
    record = record_of(desk)
    for where in (f"{desk.agent.audit_path}:999999999", "none:1", "x", f"{desk.agent.audit_path}:-1", ":1"):
        done = reevectl.run("explain", "-f", desk.config, "--record", where)
        assert (done.returncode, done.stdout) == (2, "")
    code, _ = replay(desk, record, "--boot", record["boot"], "--worker", "0")
    assert code == 0
    done = reevectl.run("explain", "-f", desk.config, "--record", f"{desk.agent.audit_path}:1", "--worker", "7")
    assert "no such record" in done.stderr
    twice = desk.agent.directory / "twice.jsonl"
    text = json.dumps(record, separators=(",", ":")).replace('"mono_us"', '"mono_us"')
    twice.write_text(text + "\n" + text.replace(record["boot"], "f" * 32) + "\n")
    where = f"{twice}:{record['seq']}"
    done = reevectl.run("explain", "-f", desk.config, "--record", where)
    assert done.returncode == 2 and "several records" in done.stderr
    assert reevectl.run("explain", "-f", desk.config, "--record", where, "--boot", "ffff").returncode == 0


# ---- what a key could reach ----


def radius(desk, key_id_):
    return reevectl.answer("blast-radius", "-f", desk.config, key_id_)[1]


def test_blast_radius(desk):
    desk.admin("role", "set", "wide", "limits=large,two")
    rules = ["allow GET,POST api.example.com /v1/{id}/** cost=2 limit=slow", "allow DELETE * /v1/{id}",
             "deny DELETE * /v1/**", "deny GET * /v1/secret/**", "allow GET * /u/{@user}/x"]  # fmt: skip
    for number, rule in enumerate(rules):
        desk.admin("role", "rule", "add", "wide", str(number), rule)
    fields = ["roles=wide,writer,trial", "limits=!two", "team=red", "allow_from=10.0.0.0/8"]
    secret = with_key(desk, "target", *fields, key_fields=["roles=wide,trial", "expires=30d"])
    told = radius(desk, key_id(secret))
    reach = {f"{rule['role']}/{rule['id']}": rule.get("shut_by") for rule in told["allows"]}
    assert reach == {"wide/0": None, "wide/1": "wide/2", "wide/4": None}
    assert [f"{rule['role']}/{rule['id']}" for rule in told["denies"]] == ["wide/2", "wide/3"]
    assert {(limit["limit"], limit["of"]) for limit in told["limits"]} == {
        ("large", "role wide"), ("slow", "rule wide/0")}  # fmt: skip
    assert (told["user"], told["team"], told["user_allow_from"]) == ("target", "red", "10.0.0.0/8")
    assert told["expires"] > time.time() and "closed" not in told
    assert told["gates"] == ["*", "guests", "watched"]
    # It says what the agent does.
    ask = {"key": secret, "src": "10.0.0.1"}
    assert desk.ask(path="/v1/x/y", **ask)["verdict"] == "allow"
    assert desk.ask(path="/v1/x", method="DELETE", **ask)["reason"] == "rule_denied"
    assert desk.ask(path="/v1/target/x", method="PUT", **ask)["reason"] == "no_rule"
    wait_until(lambda: radius(desk, key_id(secret))["last_used"] > 0, "the key to be seen")
    text = reevectl.run("blast-radius", "-f", desk.config, key_id(secret)).stdout
    assert "wide/1  DELETE * /v1/{id}  shut by wide/2" in text
    assert "slow rate 1/h burst 2 for each user, of rule wide/0" in text


def test_blast_radius_of_a_key_that_is_closed(desk):
    secret = with_key(desk, "shut", "roles=reader")
    desk.admin("user", "disable", "shut")
    assert radius(desk, key_id(secret))["closed"] == "the user is disabled or expired"
    desk.admin("key", "revoke", key_id(secret))
    assert radius(desk, key_id(secret))["closed"] == "the credential is disabled or revoked"
    for words in (["nosuchkey0"], []):
        done = reevectl.run("blast-radius", "-f", desk.config, *words)
        assert (done.returncode, done.stdout) == (2, "")


# ---- a random fleet of users ----

METHODS = ["GET", "HEAD", "POST", "DELETE", "get"]
HOSTS = ["api.example.com", "a.b.example.com", "example.com", "other"]
SEGMENTS = ["a", "a", "b", "b", "A", "a%3Ab", "u1", "t1", "%61"]


class Random:
    def __init__(self, seed):
        self.dice = random.Random(seed)

    def template(self):
        segments = ["a", "b", "{x}", "*", "*", "a*", "{@user}", "{@team}"]
        parts = [self.dice.choice(segments) for _ in range(self.dice.randint(0, 2))]
        while parts.count("{x}") > 1:
            parts.remove("{x}")
        return "".join(f"/{part}" for part in parts) + self.dice.choice(["/", "/**", "/**", "/{y}"])

    def rule(self):
        verdict = "deny" if self.dice.random() < 0.1 else "allow"
        methods = self.dice.choice(["*", "*", "GET", "GET,POST", "DELETE"])
        host = self.dice.choice(["*", "*", "*", "api.example.com", "*.example.com"])
        more = ["", "", " cost=3", " limit=l1", " limit=l2,l3", " limit=l2"]
        more = self.dice.choice(more) if verdict == "allow" else ""
        return f"{verdict} {methods} {host} {self.template()}{more}"

    def some(self, items, most):
        return ",".join(self.dice.sample(items, self.dice.randint(0, most)))

    def path(self):
        return "".join("/" + self.dice.choice(SEGMENTS) for _ in range(self.dice.randint(1, 3)))

    def fill(self, desk):
        """Written as a script without reeve-admin would; some of it does not parse."""
        lines = ["HSET reeve:limit:l1 quota 100000 per month", "HSET reeve:limit:l2 quota 2 per month scope global",
                 "HSET reeve:limit:l3 quota 0 per month mode shadow",
                 "HSET reeve:limit:l4 quota 100000 per month scope team"]  # fmt: skip
        for role in range(8):
            rules = [f'rule:{number} "{self.rule()}"' for number in range(self.dice.randint(1, 6))]
            fields = [*rules, f'limits "{self.some(["l1", "l2", "l3"], 2)}"', f"priority {role}"]
            fields += ["mode shadow"] if self.dice.random() < 0.2 else []
            lines.append(f"HSET reeve:role:r{role} " + " ".join(fields))
        lines += ["HSET reeve:team:t1 state active limits l1", "HSET reeve:team:t2 state disabled"]
        self.keys = []
        for user in range(24):
            name = f"u{user}"
            fields = [f"state {self.dice.choice(['active'] * 9 + ['disabled'])}"]
            roles = [f"r{number}" for number in range(9)]
            fields.append(f'roles "{self.some(roles, 4)}"')
            fields.append(f'limits "{self.some(["l4", "!l1", "l3", "l9"], 1)}"')
            team = self.dice.choice(["", "t1", "t1", "t1", "t1", "t2", "t3"])
            fields += [f"team {team}"] if team else []
            fields += ["allow_from 10.0.0.0/8"] if self.dice.random() < 0.1 else []
            fields += ["typo 1"] if user % 8 == 7 else []
            lines.append(f"HSET reeve:user:{{{name}}} " + " ".join(fields))
            key = with_checksum(f"rv_key{user:07}_{user:032}")
            digest = hashlib.sha256(key.encode()).hexdigest()
            subset = f' roles "{self.some(roles, 6)}"' if self.dice.random() < 0.2 else ""
            lines.append(f"HSET reeve:key:{key_id(key)} user {name} state active hash sha256:{digest}{subset}")
            self.keys.append(key)
        connection = Connection(desk.redis.address)
        for line in lines:
            assert connection(*split(line))
        connection.close()

    def request(self):
        return {
            "key": self.dice.choice(self.keys) if self.dice.random() < 0.95 else None,
            "method": self.dice.choice(METHODS),
            "host": self.dice.choice(HOSTS),
            "path": self.path(),
            "src": self.dice.choice(["10.1.1.1", "127.0.0.1", "2001:db8::1"]),
            "gate": self.dice.choice(["api", "guests", "watched"]),
        }


def split(line):
    words, rest = [], line
    while rest:
        if rest[0] == '"':
            word, _, rest = rest[1:].partition('"')
        else:
            word, _, rest = rest.partition(" ")
        words.append(word)
        rest = rest.lstrip(" ")
    return words


def test_random_requests_get_the_same_verdict(desk, say):
    """What an agent has leased of l2 counts as used, so it is asked for until it is gone."""
    world = Random(20)
    world.fill(desk)
    requests = [world.request() for _ in range(500)]
    for request in requests:
        for _ in range(5):
            said = desk.ask(**request)
            if "l2" not in said.get("ratelimit", "") or said["verdict"] == "throttle":
                break
    said = [desk.ask(**request) for request in requests]
    told = [answer["verdict"] for answer in desk.explain_all(requests)]
    for request, agent, explained in zip(requests, said, told):
        assert same(explained) == same(agent), request
    counts = {}
    for agent in said:
        counts[agent["reason"]] = counts.get(agent["reason"], 0) + 1
    say(f"explain: 500 random requests, the same verdict each: {counts}")
    assert min(counts.get(reason, 0) for reason in ("ok", "no_rule", "rule_denied", "bad_record", "quota")) > 3
