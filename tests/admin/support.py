"""A real Redis, and reeve-admin as an operator would run it."""

import os
import socket
import subprocess
import time
from pathlib import Path

from harness.resp import Connection, RedisError  # noqa: F401, for the tests

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "contrib" / "redis-cli"
PROGRAM = FOLDER / "reeve-admin"
CORPUS = ROOT / "tests" / "corpus" / "records.txt"
BUILD = Path(os.environ.get("REEVE_TEST_BUILD") or ROOT / "build" / "release")
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"], "bash": ["bash", "--posix"]}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """redis-server on a loopback port and a unix socket of its own."""

    def __init__(self, folder, *options):
        self.path = folder / "redis.sock"
        self.port = free_port()
        self.log = folder / "redis.log"
        words = ["--bind", "127.0.0.1", "--port", str(self.port), "--unixsocket", str(self.path)]
        words += ["--dir", str(folder), "--save", "", "--logfile", str(self.log), *options]
        self.process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
        self.wait()

    def wait(self):
        for _ in range(1000):
            if self.process.poll() is not None:
                break
            try:
                Connection(self.path).close()
                return
            except OSError:
                time.sleep(0.01)
        raise AssertionError(f"redis-server did not start: {self.log.read_text()}")

    @property
    def url(self):
        return f"unix://{self.path}"

    def stop(self):
        self.process.kill()
        self.process.wait()


class Admin:
    """reeve-admin. Keys are made in plain sh unless a reevectl is named."""

    def __init__(self, url, shell=(), **env):
        self.words = [*shell, str(PROGRAM)]
        self.env = {**os.environ, "REEVE_REDIS": url, "REEVE_REEVECTL": "", **env}
        for name in ("REEVE_PREFIX", "REEVE_PEPPER_FILE", "REEVE_LUA_DIR", "REDISCLI_AUTH"):
            if name not in env:
                self.env.pop(name, None)

    def run(self, *words, stdin=""):
        return subprocess.run(
            [*self.words, *words],
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def __call__(self, *words, stdin=""):
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, f"reeve-admin {' '.join(words)}: {done.stderr}"
        assert done.stderr == "", f"reeve-admin {' '.join(words)} said: {done.stderr}"
        return done.stdout

    def refuses(self, *words, status=1, stdin=""):
        """Gives the one line that says why."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == status, f"{words}: {done.returncode}: {done.stderr}"
        assert done.stdout == ""
        assert done.stderr.startswith("reeve-admin: ")
        assert done.stderr.count("\n") == 1 and done.stderr.endswith("\n"), done.stderr
        return done.stderr[len("reeve-admin: ") : -1]

    def warns(self, *words):
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return [line.removeprefix("reeve-admin: warning: ") for line in done.stderr.splitlines()]


def key_id(key):
    return key.split("_")[1]


def base62(value, digits):
    text = ""
    for _ in range(digits):
        value, digit = divmod(value, 62)
        text = ALPHABET[digit] + text
    return text
