"""The table: which fault, how it is made, what is required, and how that is checked.

Ids are those of the project's list of faults: R the store and its network, A the agent's process, H
HAProxy's side, U the audit.
"""

from dataclasses import dataclass, field

SHORT, LONG = "short", "long"


@dataclass
class Row:
    """Played in a World while callers ask: `inject`, `check` and `heal` are functions of it. `play` stands
    in their place where a row needs the whole course. `tests`, [(module, function)], stand elsewhere and
    are run as they are. `absent` says why a row has no meaning here, `missing` what the agent does not do.

    `required` is beside what holds in every row: nobody is allowed without right, a quota is never over,
    answers come in the deadline, the audit has each as it was told, and afterwards all are served, with
    the descriptors and the memory of before.
    """

    id: str
    fault: str
    required: str
    inject: object = None
    check: object = None
    heal: object = None
    play: object = None
    tests: tuple = ()
    absent: str = ""
    missing: str = ""
    options: dict = field(default_factory=dict)
    may_be_late: bool = False
    tier: str = SHORT

    @property
    def name(self):
        return f"{self.id} {self.fault}"


def rows():
    import agent_rows  # they need this module
    import audit_rows
    import haproxy_rows
    import store_rows

    return [*store_rows.ROWS, *agent_rows.ROWS, *haproxy_rows.ROWS, *audit_rows.ROWS]


def summary(results):
    """Lines of the table; `results` is {name of a row: [passed, seconds]}."""
    yield f"{'id':4} {'fault':58} {'result':7} seconds"
    for row in rows():
        if row.absent or row.missing:
            result = "-" if row.absent else "missing"
            yield f"{row.id:4} {row.fault:58} {result:7} {row.absent or row.missing}"
        elif row.name in results:
            passed, seconds = results[row.name]
            yield f"{row.id:4} {row.fault:58} {'pass' if passed else 'FAIL':7} {seconds:7.1f}"
    failed = sum(not passed for passed, _ in results.values())
    yield f"{len(results) - failed} passed, {failed} failed"
