"""HAProxy with a configuration from haproxy-examples/, as it stands there."""

import os
import re
import socket
import subprocess
from pathlib import Path

from harness.http import TlsAddress
from harness.net import free_address, is_listening
from harness.pki import Site
from harness.process import Process
from harness.wait import wait_until

EXAMPLES = Path(__file__).resolve().parents[3] / "haproxy-examples"
BINARY = os.environ.get("REEVE_TEST_HAPROXY", "haproxy")


def text(address):
    return f"{address[0]}:{address[1]}"


class Haproxy(Process):
    """`extra` is a second configuration file's text, for what a test changes; `processing` replaces
    the `timeout processing` that ships."""

    def __init__(self, example, directory, upstream, agents, extra="", processing=None):
        self.http_address = free_address()
        self.h2_address = free_address()
        self.tls_addresses = [free_address(), free_address()]
        configuration = (EXAMPLES / example / "haproxy.cfg").read_text()
        self.has_plain = "REEVE_HTTP_BIND" in configuration
        self.site = Site(directory) if "REEVE_TLS_PEM" in configuration else None
        self.control_path = directory / "haproxy.sock"
        self.agent_count = len(agents)
        (directory / "extra.cfg").write_text(
            f"global\n    stats socket {self.control_path} mode 600 level admin\n{extra}"
        )
        spoe = EXAMPLES / example / "spoe-reeve.conf"
        if processing:
            line = re.compile(r"^( *timeout processing ).*", re.MULTILINE)
            changed = line.sub(rf"\g<1>{processing}", spoe.read_text())
            spoe = directory / "spoe-reeve.conf"
            spoe.write_text(changed)
        agent_text = [text(address) for address in agents]
        env = {
            "REEVE_HTTP_BIND": text(self.http_address),
            "REEVE_H2_BIND": text(self.h2_address),
            "REEVE_UPSTREAM": text(upstream),
            "REEVE_SPOE_CONF": str(spoe),
            "REEVE_AGENT1": agent_text[0],
            "REEVE_AGENT2": agent_text[-1],
            "REEVE_TLS_BIND1": text(self.tls_addresses[0]),
            "REEVE_TLS_BIND2": text(self.tls_addresses[1]),
            **(self.site.env() if self.site else {}),
        }
        files = ["-f", str(EXAMPLES / example / "haproxy.cfg"), "-f", str(directory / "extra.cfg")]
        super().__init__("haproxy", [BINARY, "-db", *files], directory, env)

    @property
    def address(self):
        """Where clients go who have no certificate."""
        return self.http_address if self.has_plain else self.tls(0)

    def tls(self, number, certificate=None):
        """The address of a bind with TLS, for a client with this certificate."""
        return TlsAddress(self.tls_addresses[number], self.site.context(certificate))

    def start(self):
        super().start()
        wait_until(self.is_ready, "haproxy to listen")
        return self

    def is_ready(self):
        assert self.is_running(), f"haproxy ended\n{self.log()}"
        return self._answers() and is_listening(self.address)

    def _answers(self):
        """The control socket is there before it listens."""
        with socket.socket(socket.AF_UNIX) as control:
            return control.connect_ex(str(self.control_path)) == 0

    def check(self):
        """haproxy -c: its exit code and everything it said."""
        done = subprocess.run(
            [*self.argv, "-c"], env=self.env, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def command(self, line):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(5)
            control.connect(str(self.control_path))
            control.sendall(line.encode() + b"\n")
            out = b""
            while part := control.recv(65536):
                out += part
        return out.decode()

    def server(self, name, backend="reeve-agents"):
        """The row of a server in "show stat", by column name."""
        lines = self.command("show stat").splitlines()
        columns = lines[0].lstrip("# ").split(",")
        for line in lines[1:]:
            row = dict(zip(columns, line.split(",")))
            if (row.get("pxname"), row.get("svname")) == (backend, name):
                return row
        raise AssertionError(f"no server {name}")

    def wait_for_server(self, name, status, timeout=10.0):
        wait_until(
            lambda: self.server(name)["status"].startswith(status), f"{name} {status}", timeout
        )

    def wait_for_checks(self):
        """Until every agent has passed a health check."""
        for number in range(self.agent_count):
            name = f"agent{number + 1}"
            wait_until(lambda name=name: self.server(name)["check_status"] == "L7OK", name)
