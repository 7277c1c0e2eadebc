"""Runs the load generator against an agent and tells what the agent spent: CPU and allocations."""

import json
import os
import subprocess
import sys
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


class Allocations:
    """Counts an agent's, by a library preloaded into it."""

    def __init__(self, build, path):
        self.path = path
        self.path.write_bytes(bytes(8))
        library = build / "tests" / "bench" / "count_allocations.so"
        self.prefix = ["env", f"LD_PRELOAD={library}", f"REEVE_ALLOCATIONS={path}"]

    def count(self):
        return int.from_bytes(self.path.read_bytes(), sys.byteorder)


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
        self.run(address, connections=CONNECTIONS_OF_WARM_UP, window=16, requests=requests)

    def measure(self, agent, **options):
        """One run: rate, latencies, allocations and CPU per verdict of each thread and of all."""
        allocated, before = agent.allocations.count(), cpu_by_thread(agent.pid)
        result = self.run(agent.address, **options)
        allocated, after = agent.allocations.count() - allocated, cpu_by_thread(agent.pid)
        spent = {name: after[name] - before.get(name, 0.0) for name in after}
        threads = {name: cpu * 1e6 / result["answered"] for name, cpu in spent.items()}
        return {
            "per_second": result["per_second"],
            "p50_us": result["latency_us"]["p50"],
            "p99_us": result["latency_us"]["p99"],
            "max_us": result["latency_us"]["max"],
            "threads_us": threads,
            "process_us": sum(threads.values()),
            "allocations": allocated / result["answered"],
        }
