"""build/.../reevectl, as an operator runs it."""

import json
import subprocess

from harness.agent import BUILD

PROGRAM = BUILD / "reevectl"
READER = "reeve-reader"
PASSWORD = "of who only reads"


def reader_config(directory, redis, audit_file, gates):
    """A configuration whose user in Redis is the one that ships for reading."""
    redis.command("ACL", "SETUSER", READER, "on", f">{PASSWORD}")
    password = directory / "reader-password"
    password.touch(mode=0o600)
    password.write_text(PASSWORD)
    config = directory / "reader.conf"
    config.write_text(
        f'redis = "{redis.url.replace("//", f"//{READER}@")}"\n'
        f'redis_password_file = "{password}"\n'
        f'audit_file = "{audit_file}"\nspool_dir = "{directory}"\n' + gates
    )
    return config


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
