"""The scripts take and refuse what the agent takes and refuses: tests/corpus/records.txt."""

from support import CORPUS


def blocks(text):
    """(first line, the lines below it) of each."""
    lines = [line for line in text.split("\n") if not line.startswith("#")]
    for block in "\n".join(lines).split("\n\n"):
        block = block.strip("\n")
        if block:
            first, *rest = block.split("\n")
            yield first, rest


def test_every_record_is_judged_as_the_corpus_says(admin):
    text = CORPUS.read_text()
    wanted = [first for first, _ in blocks(text)]
    done = admin.run("record", "check", "-", stdin=text)
    judged = [line.split("\t") for line in done.stdout.splitlines()]

    assert [first for first, _ in judged] == wanted
    wrong = [line for line in judged if line[0].split()[1] != line[1].partition(":")[0]]
    assert wrong == []
    verdicts = [first.split()[1] for first in wanted]
    assert verdicts.count("good") >= 100 and verdicts.count("bad") >= 200
    assert done.returncode == 1 and done.stderr == ""


def test_good_records_end_well(admin):
    good = [f"{first}\n" + "\n".join(rest) for first, rest in blocks(CORPUS.read_text())
            if first.split()[1] == "good"]
    assert admin("record", "check", "-", stdin="\n\n".join(good)).count("\tgood\n") == len(good)


def test_a_bad_record_names_the_field(admin):
    done = admin.run("record", "check", "-", stdin="user\nstate\tactive\nroles\ta,,b\n")
    assert done.stdout.startswith("user\tbad: roles: ")


def test_strange_input_is_bad(admin):
    active = "state\tactive"
    for text in (f"robot\n{active}", "user\nstate active", f"user\n{active}\n{active}"):
        done = admin.run("record", "check", "-", stdin=text)
        assert done.returncode == 1 and "\tbad: " in done.stdout


def test_no_record_is_good(admin):
    assert admin("record", "check", "-", stdin="") == ""


def test_escapes(admin):
    text = "team\nstate\tactive\nnote\t\\xc3\\xbc \\\\x00 \\\\ \\xc3\\xbc\n"
    assert admin("record", "check", "-", stdin=text) == "team\tgood\n"
    assert admin.run("record", "check", "-", stdin=text.replace("\\\\x00", "\\x00")).returncode == 1


def test_writing_takes_what_checking_takes(admin, redis):
    """Good users and rules of the corpus are written as they stand."""
    written = 0
    for first, rest in blocks(CORPUS.read_text()):
        fields = dict(line.split("\t") for line in rest)
        if first.startswith("role good") and "rule:10" in fields and "\\" not in fields["rule:10"]:
            redis("HSET", "reeve:role:r", "mode", "enforce")
            assert admin.run("role", "rule", "set", "r", "10", fields["rule:10"]).returncode == 0
            assert redis.hash("reeve:role:r")["rule:10"] == fields["rule:10"]
            written += 1
    assert written >= 50
