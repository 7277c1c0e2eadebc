"""contrib/redis-cli/reeve-admin, as an operator would run it."""

import os
import subprocess
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[3] / "contrib" / "redis-cli" / "reeve-admin"


class Admin:
    def __init__(self, redis_url):
        reevectl = Path(os.environ.get("REEVE_TEST_BUILD") or PROGRAM.parents[2] / "build" / "release")
        self.env = {
            **os.environ,
            "REEVE_REDIS": redis_url,
            "REEVE_REEVECTL": str(reevectl / "reevectl"),
        }

    def usage(self, *words):
        """{limit: units used}, of `usage` with these words."""
        rows = [line.split() for line in self("usage", *words).splitlines()[1:]]
        return {row[0]: int(row[-3]) for row in rows}

    def set_password(self, user, password, parameters="i=1000", scheme="pbkdf2-sha256", wait=()):
        """At the least cost, unless another is given."""
        cost = (f"scheme={scheme}", f"parameters={parameters}")
        return self("user", "password", user, *cost, *wait, stdin=password)

    def __call__(self, *words, stdin=None):
        done = subprocess.run(
            [str(PROGRAM), *words],
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, f"reeve-admin {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def run(self, script):
        """A shell script that calls reeve-admin."""
        done = subprocess.run(
            ["sh", str(script)],
            env={**self.env, "REEVE_ADMIN": str(PROGRAM)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{script}: {done.stderr}"

    def issue(self, user, *words):
        key = self("key", "issue", user, *words)
        assert key.startswith("rv_"), "no key on stdout"
        return key
