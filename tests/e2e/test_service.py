"""contrib/systemd/reeved.service against what reeved needs when it is configured as documented."""

import re
import subprocess
from pathlib import Path

from harness.agent import REEVED
from harness.haproxy import EXAMPLES

ROOT = EXAMPLES.parent
UNIT = (ROOT / "contrib/systemd/reeved.service").read_text()
MADE_BELOW = {"RuntimeDirectory": "/run", "StateDirectory": "/var/lib", "LogsDirectory": "/var/log"}
OPTION = re.compile(r'\b(audit_file|spool_dir)\W+"?(/[^"\s`]+)')


def values(name):
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


def made_folders():
    return {
        f"{parent}/{folder}"
        for name, parent in MADE_BELOW.items()
        for value in values(name)
        for folder in value.split()
    }


def reference():
    return subprocess.run([REEVED, "--reference"], capture_output=True, text=True, check=True).stdout


def documented():
    texts = {"defaults": reference(), "README.md": (ROOT / "README.md").read_text()}
    for path in EXAMPLES.glob("*/reeve.conf"):
        texts[path.parent.name] = path.read_text()
    return texts


def test_folders_of_documented_configurations_are_made():
    for name, text in documented().items():
        found = dict(OPTION.findall(text))
        assert set(found) == {"audit_file", "spool_dir"}, name
        for option, path in found.items():
            folder = path if option == "spool_dir" else str(Path(path).parent)
            assert folder in made_folders(), f"{name}: {option}"


def test_sockets_may_be_given_to_another_group():
    """@privileged holds chown(), so it must be allowed again behind it."""
    filters = values("SystemCallFilter")
    assert filters.index("@chown") > filters.index("~@privileged")
