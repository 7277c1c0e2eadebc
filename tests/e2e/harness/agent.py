"""reeved with a configuration from haproxy-examples/, and its audit file."""

import json
import os
import re
from pathlib import Path

from harness.haproxy import EXAMPLES, text
from harness.net import free_address
from harness.process import Process
from harness.redis import AGENT_PASSWORD, AGENT_USER
from harness.spop import passes_health_check
from harness.wait import wait_until

BUILD = Path(
    os.environ.get("REEVE_TEST_BUILD") or Path(__file__).resolve().parents[3] / "build" / "release"
)
REEVED = BUILD / "reeved"
SANITIZER_REPORT = re.compile(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:")


def _login(path, redis_url, user):
    """Settings that say who the agent is; the password waits in a file."""
    if not user or "@" in redis_url:
        return {}
    path.touch(mode=0o600)
    path.write_text(AGENT_PASSWORD)
    url = redis_url.replace("redis://", f"redis://{user}@")
    return {"redis": url, "redis_password_file": path}


# Types of audit lines that tell of requests.
REQUEST_TYPES = ("decision", "count", "audit_gap", "superseded")


class Agent(Process):
    """`options` are top-level options as for reeved -o; `listens` are listened on as well. Of Redis it
    is the shipped user, unless the URL names another or `redis_user` is None."""

    def __init__(
        self, name, example, directory, redis_url, prefix=(), listens=(), redis_user=AGENT_USER, **options
    ):  # fmt: skip
        self.address = free_address()
        self.audit_path = directory / f"{name}.audit.jsonl"
        self.config_path = EXAMPLES / example / "reeve.conf"
        self.spool_path = directory / f"{name}.spool"
        self.spool_path.mkdir(mode=0o700)
        self.settings = {
            "agent_id": name,
            "listen": ",".join([f"tcp://{text(self.address)}", *listens]),
            "redis": redis_url,
            "audit_file": self.audit_path,
            "spool_dir": self.spool_path,
            **_login(directory / f"{name}.redis-password", redis_url, redis_user),
            **options,
        }
        super().__init__(name, self.command_line(), directory, prefix=prefix)

    def command_line(self):
        settings = [f"{option}={value}" for option, value in self.settings.items()]
        overrides = [word for setting in settings for word in ("-o", setting)]
        return [str(REEVED), "-f", str(self.config_path), *overrides]

    def set(self, option, value):
        """From the next start on."""
        self.settings[option] = value
        self.argv = self.command_line()

    def use_config(self, path):
        """From the next start on."""
        self.config_path = path
        self.argv = self.command_line()

    def start(self, waits=True):
        super().start()
        if waits:
            wait_until(self.is_ready, f"{self.name} to be ready", 30.0)
        return self

    def is_ready(self):
        assert self.is_running(), f"{self.name} ended\n{self.log()}"
        return passes_health_check(self.address)

    def stop(self):
        super().stop()
        found = [line for line in self.log().splitlines() if SANITIZER_REPORT.search(line)]
        assert not found, found[0]

    def audit_lines(self):
        """Every whole line of the audit, closed segments first; each must be one valid JSON object."""
        closed = sorted(self.audit_path.parent.glob(self.audit_path.name + "." + "[0-9]" * 8))
        found = []
        for path in [*closed, self.audit_path]:
            if path.exists():
                found += [json.loads(line) for line in path.read_bytes().split(b"\n")[:-1]]
        return found

    def audit(self):
        """Those that tell of requests."""
        return [line for line in self.audit_lines() if line["type"] in REQUEST_TYPES]

    def audit_of(self, rid, timeout=10.0):
        """The one record of a request, once it is written."""

        def find():
            return [record for record in self.audit() if record.get("rid") == rid]

        found = wait_until(find, f"an audit record of {rid} from {self.name}", timeout)
        assert len(found) == 1
        return found[0]
