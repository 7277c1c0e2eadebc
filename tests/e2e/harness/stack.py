"""The whole: clients -> HAProxy -> upstream, HAProxy -> agents -> Redis."""

import collections
import concurrent.futures
import signal

from harness.admin import Admin
from harness.agent import Agent
from harness.haproxy import Haproxy
from harness.http import fetch
from harness.redis import Redis
from harness.resp import Connection
from harness.upstream import Upstream
from harness.wait import wait_until


# Of HAProxy and agents, for tests of what is lost: a machine that is busy with something else for a
# moment loses nothing.
PATIENT = {"deadline": "1800ms", "store_timeout": "1500ms"}
PATIENT_PROCESSING = "2s"


# Of agents, for tests that fail to authenticate on purpose, and are not about that.
UNCOUNTED = {"max_failures": 0, "max_source_failures": 0}


class Stack:
    """Started with the roles and users that most tests need:

    alice    reader: GET /v1/orders/**
    bob      reader and writer: * /v1/orders/**, but no DELETE

    `is_patient`: with longer timeouts than those that ship.
    """

    made = None  # of the first stack: what reeve-admin stored, and the keys that it issued

    def __init__(
        self, directory, example="api-keys", agents=2, extra="", is_patient=False, **options
    ):
        options = {**(PATIENT if is_patient else {}), **options}
        self.upstream = Upstream()
        self.redis = Redis(directory)
        self.agents = [
            Agent(f"agent{number + 1}", example, directory, self.redis.url, **options)
            for number in range(agents)
        ]
        addresses = [agent.address for agent in self.agents]
        processing = PATIENT_PROCESSING if is_patient else None
        self.haproxy = Haproxy(
            example, directory, self.upstream.address, addresses, extra, processing
        )
        self.address = self.haproxy.address
        self.admin = Admin(self.redis.url)
        self.keys = {}
        self.pool = concurrent.futures.ThreadPoolExecutor(max_workers=64)

    def start(self):
        self.redis.start()
        self._make_users()
        for agent in self.agents:
            agent.start()
        self.haproxy.start()
        self.haproxy.wait_for_checks()
        return self

    def _make_users(self):
        """By reeve-admin once; others get a copy, which is ten times as fast."""
        connection = Connection(self.redis.address)
        if Stack.made:
            stored, self.keys = Stack.made[0], dict(Stack.made[1])
            connection.restore(stored)
        else:
            self._make_them_by_admin()
            Stack.made = connection.snapshot(), dict(self.keys)
        connection.close()

    def _make_them_by_admin(self):
        self.admin("role", "set", "reader")
        self.admin("role", "rule", "add", "reader", "10", "allow GET * /v1/orders/**")
        self.admin("role", "set", "writer")
        self.admin("role", "rule", "add", "writer", "10", "allow * * /v1/orders/**")
        self.admin("role", "rule", "add", "writer", "20", "deny DELETE * /v1/**")
        for user, roles in [("alice", "reader"), ("bob", "reader,writer")]:
            self.admin("user", "add", user, f"roles={roles}")
            self.keys[user] = self.admin.issue(user)

    def terminate_agents(self):
        """SIGTERM to all, which must end well: then the audit files are whole."""
        for agent in self.agents:
            agent.signal(signal.SIGTERM)
        assert [agent.wait(30.0) for agent in self.agents] == [0] * len(self.agents)

    def stop(self):
        for process in [self.haproxy, *self.agents, self.redis]:
            process.stop()
        self.upstream.stop()
        self.pool.shutdown()

    def fetch(self, path="/v1/orders/7", user=None, **options):
        """One request with this user's key."""
        key = self.keys[user] if user else options.pop("key", None)
        return fetch(self.address, path=path, key=key, **options)

    def fetch_aside(self, *args, **options):
        """The same in a thread: gives a future."""
        return self.pool.submit(self.fetch, *args, **options)

    def wait_for_status(self, status, **request):
        """Until every agent answers so: a change reaches each within its max_age."""

        def is_settled():
            return all(self.fetch(**request).status == status for _ in range(10))

        wait_until(is_settled, f"{status} from every agent", 5.0)

    def mixed(self):
        """Cases for Load: (path, key, wanted status)."""
        return [
            ("/v1/orders/7", self.keys["alice"], 200),
            ("/admin", self.keys["alice"], 403),
            ("/v1/orders/8", self.keys["bob"], 200),
            ("/v1/orders/9", None, 401),
        ]

    def audit(self):
        return [record for agent in self.agents for record in agent.audit()]

    def audited_allows(self):
        """{rid: how often an allow of it is in the audit}."""
        return collections.Counter(
            record["rid"] for record in self.audit() if record["verdict"] == "allow"
        )

    def audit_of(self, rid):
        """The one record of a request, whichever agent judged it."""

        def find():
            return [record for record in self.audit() if record.get("rid") == rid]

        found = wait_until(find, f"an audit record of {rid}")
        assert len(found) == 1
        return found[0]
