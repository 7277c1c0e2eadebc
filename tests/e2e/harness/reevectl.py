"""build/.../reevectl, as an operator runs it."""

import json
import subprocess

from harness.agent import BUILD

PROGRAM = BUILD / "reevectl"


def run(*words, stdin=""):
    """The finished process, whatever its exit status; a crash fails."""
    done = subprocess.run(
        [str(PROGRAM), *map(str, words)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode in (0, 1, 2), f"{words}: {done.returncode} {done.stderr}"
    return done


def answer(*words):
    """(exit status, its JSON document)."""
    done = run(*words, "--json")
    assert done.stdout, f"{words}: {done.stderr}"
    return done.returncode, json.loads(done.stdout)
