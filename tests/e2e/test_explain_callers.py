"""reevectl explain of callers with passwords and certificates, asked now and from records of the audit; and
where in the configuration stands what they meet."""

import base64
import json

import pytest

from harness import reevectl
from harness.admin import Admin
from harness.agent import Agent
from harness.pki import Authority
from harness.redis import Redis
from harness.spop import Peer
from harness.stack import PATIENT
from harness.wait import wait_until
from test_explain import same

pytestmark = pytest.mark.sanitized

GATES = """\
# the first line
include("more.conf")
gate "staff" {
  accept = {cert, basic}
}
certificates "people" { issuer = "CN=Staff CA,O=Corp" gates = {staff} roles = {reader} }

gate "both" { accept = {apikey} also = {cert} } gate "keys" { accept = {apikey} }
certificates "beside" {
  issuer = "CN=Staff CA,O=Corp"
  gates = {both}
}
"""
MORE = '\ngate "included" { accept = {apikey} }\n'


class Desk:
    def __init__(self, directory):
        self.directory = directory
        self.redis = Redis(directory)
        self.redis.start()
        self.admin = Admin(self.redis.url)
        self.gates = directory / "gates.conf"
        self.gates.write_text(GATES)
        (directory / "more.conf").write_text(MORE)
        self.agent = Agent("agent", "basic", directory, self.redis.url, **PATIENT)
        self.agent.use_config(self.gates)
        self.config = reevectl.reader_config(directory, self.redis, self.agent.audit_path, GATES)
        self.staff = Authority(directory, "staff", "/O=Corp/CN=Staff CA")
        self.strangers = Authority(directory, "strangers", "/O=Corp/CN=Other CA")
        self.stream = 0

    def start(self):
        admin = self.admin
        for role, path in (("reader", "/v1/**"), ("writer", "/w/**")):
            admin("role", "set", role)
            admin("role", "rule", "add", role, "1", f"allow GET * {path}")
        for user in ("alice", "bob"):
            admin("user", "add", user, "roles=reader,writer")
        self.agent.start()
        self.peer = Peer.connect(self.agent.address)
        self.peer.greet()
        return self

    def stop(self):
        self.agent.stop()
        self.redis.stop()

    def certificate(self, user, authority=None):
        return (authority or self.staff).issue(user, f"/O=Corp/CN={user}")

    def ask(self, **request):
        """(what the agent says, its record)."""

        def ask_once():
            self.stream += 1
            said = self.peer.ask(self.stream, rid=f"rid-{self.stream}", **request)
            return said if said["reason"] != "store_down" else None

        said = wait_until(ask_once, "an answer of the store")
        return said, self.agent.audit_of(f"rid-{self.stream}")

    def explain(self, *words):
        return reevectl.answer("explain", "-f", self.config, *words)

    def replay(self, record):
        return self.explain("--record", f"{self.agent.audit_path}:{record['seq']}")

    def agree(self, words, path, gate, **request):
        """What explain says, after the agent was asked the same; and that of the record."""
        said, record = self.ask(path=path, fe=gate, **request)
        code, told = self.explain(*words, "--gate", gate, "GET", f"http://api.example.com{path}")
        assert same(told["verdict"]) == same(said)
        assert code == (0 if said["verdict"] == "allow" else 1)
        return told, record


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("callers"))
    try:
        yield desk.start()
    finally:
        desk.stop()


def shown(certificate, subject, issuer="CN=Staff CA,O=Corp"):
    """As HAProxy tells of one whose chain it verified."""
    return {"c_used": True, "c_verify": 0, "c_sha256": certificate.der_sha256, "c_dn": subject, "c_idn": issuer}


def unchanged(desk, record):
    code, told = desk.replay(record)
    assert (code, told["record"]["differences"]) == (0, []), (record, told["verdict"])
    return told


def test_sections_are_named_where_they_begin(desk):
    for gate, origin in (("staff", "reader.conf:7"), ("both", "reader.conf:12"), ("keys", "reader.conf:12")):
        told = desk.explain("--anonymous", "--gate", gate, "GET", "http://a/")[1]
        assert told["gate"]["name"] == gate and told["gate"]["origin"].endswith(origin)
    told = desk.explain("--anonymous", "--gate", "included", "GET", "http://a/")[1]
    assert told["gate"]["origin"].endswith("more.conf:2")
    words = ["--cert", desk.certificate("alice").path, "--gate", "staff", "GET", "http://a/v1/a"]
    told = desk.explain(*words)[1]
    assert told["certificates"]["name"] == "people" and told["certificates"]["origin"].endswith("reader.conf:10")
    text = reevectl.run("explain", "-f", desk.config, *words).stdout
    assert f'gate       "staff" at {desk.config}:7\n' in text
    assert f'known by   certificates "people" at {desk.config}:10\n' in text
    assert "taken as verified by HAProxy" in text


def test_a_certificate_by_its_names(desk):
    certificate = desk.certificate("alice")
    words, names = ["--cert", certificate.path], shown(certificate, "CN=alice,O=Corp")
    told, record = desk.agree(words, "/v1/a", "staff", **names)
    assert (told["verdict"]["user"], told["verdict"]["roles"]) == ("alice", "reader")
    unchanged(desk, record)
    told, record = desk.agree(words, "/w/a", "staff", **names)
    assert told["verdict"]["reason"] == "no_rule"  # the section narrows
    unchanged(desk, record)
    told, _ = desk.agree(words, "/v1/a", "keys", **names)
    assert told["verdict"]["reason"] == "no_credential"


def test_a_certificate_that_names_nobody(desk):
    other = desk.certificate("bob", desk.strangers)
    names = shown(other, "CN=bob,O=Corp", "CN=Other CA,O=Corp")
    told, _ = desk.agree(["--cert", other.path], "/v1/a", "staff", **names)
    assert told["verdict"]["reason"] == "bad_credential" and "certificates" not in told


def test_a_certificate_by_its_record_that_narrows_and_ends(desk):
    certificate = desk.certificate("carol")  # no such user
    desk.admin("cert", "add", "bob", str(certificate.path), "roles=writer")
    words, names = ["--cert", certificate.path], shown(certificate, "CN=carol,O=Corp")
    told, record = desk.agree(words, "/w/a", "staff", **names)
    assert (told["verdict"]["user"], told["verdict"]["rule"]) == ("bob", "writer/1")
    told, denied = desk.agree(words, "/v1/a", "staff", **names)
    assert told["verdict"]["reason"] == "no_rule"
    unchanged(desk, record)
    unchanged(desk, denied)
    desk.admin("cert", "disable", certificate.fingerprint)
    code, told = desk.replay(record)
    assert (code, told["verdict"]["reason"]) == (1, "revoked")


def test_a_certificate_beside_a_key(desk):
    key = desk.admin.issue("alice")
    certificate, another = desk.certificate("alice"), desk.certificate("bob")
    key_words = ["--key-id", key.split("_")[1][:10]]
    told, record = desk.agree(
        [*key_words, "--cert", certificate.path], "/v1/a", "both", key=key, **shown(certificate, "CN=alice,O=Corp")
    )
    assert told["verdict"]["verdict"] == "allow"
    assert told["certificates"]["name"] == "beside"
    unchanged(desk, record)  # the certificate is not in it
    for words, more in (([], {}), (["--cert", another.path], shown(another, "CN=bob,O=Corp"))):
        told, _ = desk.agree([*key_words, *words], "/v1/a", "both", key=key, **more)
        assert told["verdict"]["verdict"] == "deny"


def test_records_of_passwords_are_asked_again(desk):
    desk.admin.set_password("alice", "correct horse")
    authz = "Basic " + base64.b64encode(b"alice:correct horse").decode()
    said, record = desk.ask(path="/w/a", fe="staff", authz=authz, authz_n=1)
    assert (said["verdict"], record["credential"]) == ("allow", "password")
    told = unchanged(desk, record)
    assert told["caller"] == {"kind": "password", "name": "alice", "proved": False}
    text = reevectl.run("explain", "-f", desk.config, "--record", f"{desk.agent.audit_path}:{record['seq']}").stdout
    assert "password was not asked for" in text
    closed = desk.directory / "closed.conf"
    closed.write_text(desk.config.read_text().replace("{cert, basic}", "{cert}"))
    code, told = reevectl.answer("explain", "-f", closed, "--record", f"{desk.agent.audit_path}:{record['seq']}")
    assert (code, told["verdict"]["reason"]) == (1, "no_credential")


def test_the_configuration_that_decided_is_compared(desk):
    _, record = desk.ask(path="/v1/a", fe="keys")
    code, told = desk.replay(record)
    config = told["record"]["config"]
    assert (code, config["then"], config["same"]) == (0, record["config"], False)
    copy = desk.directory / "copy.jsonl"
    copy.write_text(json.dumps({**record, "config": config["now"]}, separators=(",", ":")) + "\n")
    words = ["--record", f"{copy}:{record['seq']}"]
    assert desk.explain(*words)[1]["record"]["config"]["same"]
    assert "the configuration is another" not in reevectl.run("explain", "-f", desk.config, *words).stdout
    where = f"{desk.agent.audit_path}:{record['seq']}"
    text = reevectl.run("explain", "-f", desk.config, "--record", where).stdout
    assert f"then {record['config']}, now {config['now']}: the configuration is another" in text


@pytest.mark.parametrize("text, wanted", [("", "no certificate"), ("x", "no certificate"), ("twice", "several")])
def test_a_file_that_is_no_certificate(desk, tmp_path, text, wanted):
    path = tmp_path / "bad.pem"
    path.write_text(2 * desk.certificate("alice").path.read_text() if text == "twice" else text)
    done = reevectl.run("explain", "-f", desk.config, "--cert", path, "--gate", "staff", "GET", "http://a/")
    assert (done.returncode, done.stdout) == (2, "") and wanted in done.stderr
