"""--help, and the program's text."""

import re
import subprocess

from support import FOLDER, PROGRAM, Admin


def commands():
    text = PROGRAM.read_text()
    table = text.split("commands() {")[1].split("<<'END'\n")[1].split("\nEND\n")[0]
    return [line.split("|")[0] for line in table.splitlines()]


def test_help_needs_no_redis_and_names_every_command():
    admin = Admin("redis://127.0.0.1:1")
    shown = admin("--help")
    assert len(commands()) >= 25
    for command in commands():
        assert f"  reeve-admin {command}" in shown
        for words in (("--help",), ("-h",), ("x", "--help")):
            assert f"  reeve-admin {command}" in admin(*command.split(), *words)


def test_every_command_of_the_table_is_dispatched():
    admin = Admin("redis://127.0.0.1:1")
    for command in commands():
        done = admin.run(*command.split(), "a", "b=c", "d")
        assert "no such command" not in done.stderr, command


def test_help_names_the_fields_an_operator_may_set():
    assert re.search(r"^  allow_from  ", Admin("")("user", "add", "--help"), re.M)
    assert re.search(r"^  not_before  ", Admin("")("key", "issue", "--help"), re.M)
    assert re.search(r"^  priority  ", Admin("")("role", "--help"), re.M)
    assert "Fields" not in Admin("")("role", "rule", "add", "--help")
    assert "Fields" not in Admin("")("record", "check", "--help")


def test_shellcheck_has_nothing_to_say():
    files = [str(PROGRAM), *map(str, FOLDER.glob("*.sh"))]
    done = subprocess.run(["shellcheck", *files], capture_output=True, text=True, check=False)
    assert done.stdout == ""
