"""Runs the load generator against an agent and tells what each of the agent's threads spent."""

import json
import os
import subprocess
from pathlib import Path

CONNECTIONS_OF_WARM_UP = 4


class WrongVerdict(Exception):
    """The load generator saw a wrong verdict or a missing reply: there is nothing to measure."""


def cpu_by_thread(pid):
    """{name: seconds on a CPU}, to the nanosecond; threads of one name are one."""
    spent = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        nanoseconds = int((task / "schedstat").read_text().split()[0])
        spent[name] = spent.get(name, 0.0) + nanoseconds / 1e9
    return spent


class Load:
    """spopload, from one build, asking one file of requests."""

    def __init__(self, build, requests, frontend, cpus):
        self.program = [str(build / "spopload"), "--file", str(requests), "--frontend", frontend]
        self.cpus = cpus

    def run(self, address, **options):
        """Options as spopload has them; gives what it printed."""
        host, port = address
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        done = subprocess.run(
            self.program + ["--connect", f"tcp://{host}:{port}"] + words,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, self.cpus),
        )
        if done.returncode != 0:
            raise WrongVerdict(done.stderr.strip())
        return json.loads(done.stdout)

    def warm_up(self, address, requests):
        self.run(address, connections=CONNECTIONS_OF_WARM_UP, window=4, requests=requests)

    def measure(self, pid, address, **options):
        """One run: rate, latencies, and CPU per verdict of each thread and of all."""
        before = cpu_by_thread(pid)
        result = self.run(address, **options)
        after = cpu_by_thread(pid)
        spent = {name: after[name] - before.get(name, 0.0) for name in after}
        threads = {name: cpu * 1e6 / result["answered"] for name, cpu in spent.items()}
        return {
            "per_second": result["per_second"],
            "p50_us": result["latency_us"]["p50"],
            "p99_us": result["latency_us"]["p99"],
            "max_us": result["latency_us"]["max"],
            "threads_us": threads,
            "process_us": sum(threads.values()),
        }
