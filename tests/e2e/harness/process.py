"""A child process with its log, ended by its pid and by nothing else."""

import os
import signal
import subprocess

from harness.wait import wait_until

# Every process a test has started and not yet stopped; their logs are shown when it fails.
running = []


class Process:
    """`name` also names the log, `directory/name.log`. A later start appends to it.

    The child dies with the test run (setpriv --pdeathsig), so an aborted run leaves nothing.
    """

    def __init__(self, name, argv, directory, env=None, prefix=()):
        self.name = name
        self.argv = list(argv)
        self.prefix = list(prefix)
        self.directory = directory
        self.env = {**os.environ, **(env or {})}
        self.log_path = directory / f"{name}.log"
        self.child = None

    def start(self):
        assert not self.is_running(), f"{self.name} is running"
        guard = ["setpriv", "--pdeathsig", "KILL"]
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                guard + self.prefix + self.argv,
                cwd=self.directory,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if self not in running:
            running.append(self)
        return self

    @property
    def pid(self):
        return self.child.pid

    def is_running(self):
        return self.child is not None and self.child.poll() is None

    def signal(self, number):
        assert self.is_running(), f"{self.name} is not running\n{self.log()}"
        self.child.send_signal(number)

    def freeze(self):
        self.signal(signal.SIGSTOP)
        wait_until(lambda: self.state() == "T", f"{self.name} to stop")

    def thaw(self):
        self.signal(signal.SIGCONT)

    def state(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0]

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def kill(self):
        """kill -9; gives the exit code."""
        if self.is_running():
            self.child.kill()
        return self.wait()

    def terminate(self, timeout=15.0):
        """SIGTERM; gives the exit code."""
        if self.is_running():
            self.child.send_signal(signal.SIGCONT)
            self.child.terminate()
        return self.wait(timeout)

    def wait(self, timeout=15.0):
        if self.child is None:
            return None
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"{self.name} did not end\n{self.log()}") from late

    def stop(self):
        """For the end of a test: whatever state it is in."""
        if self.is_running():
            self.child.kill()
        if self.child is not None:
            self.child.wait()
        if self in running:
            running.remove(self)

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
