"""What was admitted, from the agents' audit files and from Redis' own log, and whether it was owed."""

import re
from datetime import datetime, timezone

MICRO = 1_000_000
LINE = re.compile(
    rb'"time":"(?P<time>[^"]+)","agent":"(?P<agent>[^"]+)","boot":"(?P<boot>[^"]+)",'
    rb'"worker":(?P<worker>\d+),"seq":(?P<seq>\d+),.*"user":"(?P<user>[^"]*)"'
    rb'.*"verdict":"allow".*"limits":"(?P<limits>[^"]*)"'
)
REFUSAL = re.compile(
    rb'"time":"(?P<time>[^"]+)","agent":"(?P<agent>[^"]+)".*"verdict":"(?:throttle|deny)"'
    rb'.*"reason":"(?P<reason>[^"]+)"(?:.*"limit":"(?P<limit>[^"]+)")?'
)
CLAIM = re.compile(
    r"(?P<name>[^:,]+):(?P<cost>\d+):(?P<left>\d+)"
    r"(?:@(?P<granted>\d+))?(?P<outage>!)?(?P<shadow>~)?"
)


class Admitted:
    """One request: when its units count (microseconds, UNIX), how many, who admitted it and whom."""

    __slots__ = ("at", "cost", "holder", "is_exact", "is_outage", "user")

    def __init__(self, at, cost, holder="", is_exact=False, is_outage=False, user=""):
        self.at = at
        self.cost = cost
        self.holder = holder
        self.is_exact = is_exact
        self.is_outage = is_outage
        self.user = user

    @property
    def agent(self):
        return self.holder.split(".", 1)[0]


_seconds = {}


def unix_us(text):
    """2026-11-25T14:20:17.695812Z, exactly."""
    whole, _, rest = text.partition(b".")
    if whole not in _seconds:
        when = datetime.fromisoformat(whole.decode()).replace(tzinfo=timezone.utc)
        _seconds[whole] = int(when.timestamp()) * MICRO
    return _seconds[whole] + int(rest[:6])


def read_line(line, limit):
    """What one audit line admits from `limit`; None: nothing."""
    found = LINE.search(line)
    if not found:
        return None
    for text in found["limits"].decode().split(","):
        claim = CLAIM.fullmatch(text)
        if claim and claim["name"] == limit:
            granted = claim["granted"]
            holder = f"{found['agent'].decode()}.{found['worker'].decode()}.{found['boot'][:8].decode()}"
            return Admitted(
                int(granted) if granted else unix_us(found["time"]),
                int(claim["cost"]),
                holder,
                granted is not None,
                claim["outage"] is not None,
                found["user"].decode(),
            )
    raise AssertionError(f"admitted without the limit: {line!r}")


def read_audit(agents, limit):
    """All that was admitted, each record once. A limit that is missing there is a failure."""
    out, seen = [], set()
    for agent in agents:
        if not agent.audit_path.exists():
            continue
        with open(agent.audit_path, "rb") as lines:
            for line in lines:
                if b'"verdict":"allow"' not in line:
                    continue
                found = LINE.search(line)
                assert found, f"an allow that does not parse: {line!r}"
                mark = found["boot"], found["worker"], found["seq"]
                if mark not in seen:
                    seen.add(mark)
                    out.append(read_line(line, limit))
    return out


class Refused:
    """One request: when, by whom and why; `limit` is the one that refused, or empty."""

    __slots__ = ("agent", "at", "limit", "reason")

    def __init__(self, at, agent, reason, limit):
        self.at, self.agent, self.reason, self.limit = at, agent, reason, limit


def read_refusals(agents):
    """Every request that was not admitted, in the order of each agent's file."""
    out = []
    for agent in agents:
        with open(agent.audit_path, "rb") as lines:
            for line in lines:
                found = REFUSAL.search(line)
                if found:
                    texts = (found[name].decode() for name in ("agent", "reason"))
                    limit = (found["limit"] or b"").decode()
                    out.append(Refused(unix_us(found["time"]), *texts, limit))
    return out


def units(admitted):
    return sum(one.cost for one in admitted)


def bucket_excess(events, rate, period_us, burst):
    """By how many units [(at, cost)] exceed the ideal token bucket, at worst over all intervals.

    debt(j) = the most, over all i <= j, of what came in [i, j] less rate x (t_j - t_i): one pass. In
    integers: units x period. At most 0 where it fits.
    """
    debt, last, worst = 0, None, None
    for at, cost in sorted(events):
        if last is not None:
            debt = max(0, debt - rate * (at - last))
        last = at
        debt += cost * period_us
        worst = debt if worst is None else max(worst, debt)
    return 0 if worst is None else worst / period_us - burst


def worst_edge(admitted, edges_us, limit, blur_us):
    """By how many units windows that these edges divide exceed the limit: each without what lies
    within `blur_us` of an edge, and all of them together. At most 0 where none does."""
    bounds = [-(10**18), *edges_us, 10**18]
    excess, windows = [], 0
    for begin, end in zip(bounds, bounds[1:]):
        inside = [one for one in admitted if begin + blur_us <= one.at < end - blur_us]
        windows += any(begin - blur_us <= one.at < end + blur_us for one in admitted)
        excess.append(units(inside) - limit)
    excess.append(units(admitted) - limit * windows)
    return max(excess)


# --- the history: every write to the counter, as Redis logged it ---


def aof_paths(directory):
    """Of Redis' append-only files, in order."""
    folder = directory / "appendonlydir"
    return sorted(folder.glob("*.incr.aof")) if folder.is_dir() else [directory / "appendonly.aof"]


def aof_bytes(directory):
    return sum(path.stat().st_size for path in aof_paths(directory))


def _read_command(log):
    """None at the end, or where the server was killed while it wrote."""
    head = log.readline()
    while head[:1] == b"#":
        head = log.readline()
    words = []
    for _ in range(int(head[1:]) if head.endswith(b"\r\n") else 0):
        size = log.readline()
        word = log.read(int(size[1:]) + 2) if size.endswith(b"\r\n") else b""
        if not word.endswith(b"\r\n"):
            return None
        words.append(word[:-2])
    return words or None


def aof_commands(directory, most_bytes=None):
    """Every command in Redis' append-only files, in order; or those within the first `most_bytes`."""
    left = aof_bytes(directory) if most_bytes is None else most_bytes
    for path in aof_paths(directory):
        size = min(left, path.stat().st_size)
        left -= size
        with open(path, "rb") as log:
            while log.tell() < size:
                words = _read_command(log)
                if words is None:
                    break
                yield words


class Entry:
    """A holder's call, as it stood in the counter after it: what it got, and the whole use then."""

    __slots__ = ("holder", "seq", "granted", "used", "window")

    def __init__(self, holder, seq, granted, used, window=None):
        self.holder, self.seq, self.granted, self.used = holder, seq, granted, used
        self.window = window


def history(commands, key):
    """The calls on one counter, in the order in which Redis ran them."""
    for words in commands:
        if words[0].upper() != b"HSET" or words[1] != key.encode():
            continue
        fields = dict(zip(words[2::2], words[3::2]))
        own = [name for name in fields if name.startswith(b"h:")]
        if len(own) != 1:
            continue  # written by the test itself
        seq, granted, _ = fields[own[0]].split(b":")
        used = fields.get(b"used", fields.get(b"debt"))
        window = (int(fields[b"start"]), int(fields[b"end"])) if b"start" in fields else None
        yield Entry(own[0][2:].decode(), int(seq), int(granted), int(used), window)


class Impossible(AssertionError):
    """The history fits no sequential run of what was promised."""


def replay_quota(entries, limit, is_settled=False):
    """Every window's sum of grants less returns, call by call, is its `used` and never above the
    limit; a sequence counts once. Gives {holder: {window: units it had, less what it gave back}}.

    `is_settled`: use may grow without a grant, and above the limit, by what an outage policy
    admitted."""
    used, window, done, had = 0, None, {}, {}
    for entry in entries:
        if entry.window != window:
            if window and entry.window[0] < window[1]:
                raise Impossible(f"window {entry.window} after {window}")
            used, window, done = 0, entry.window, {}
        if entry.seq <= done.get(entry.holder, 0):
            raise Impossible(f"{entry.holder}: sequence {entry.seq} ran again")
        done[entry.holder] = entry.seq
        change = entry.used - used
        if entry.granted and change != entry.granted:
            raise Impossible(f"{entry.granted} granted, {change} debited")
        if entry.used > limit and (entry.granted if is_settled else change > 0):
            raise Impossible(f"{entry.used} of {limit} granted")
        used = entry.used
        account = had.setdefault(entry.holder, {})
        account[window] = account.get(window, 0) + change
        if account[window] < 0:
            raise Impossible(f"{entry.holder} gave back more than it had")
    return had


def holders_overspent(had, admitted):
    """{holder: units} that were admitted beyond what the holder was granted and kept."""
    spent = {}
    for one in admitted:
        if not one.is_outage:
            spent[one.holder] = spent.get(one.holder, 0) + one.cost
    owned = {holder: sum(account.values()) for holder, account in had.items()}
    return {
        holder: count - owned.get(holder, 0)
        for holder, count in spent.items()
        if count > owned.get(holder, 0)
    }


def replay_rate(entries):
    """A sequence runs once. Gives {holder: units it was granted}."""
    done, had = {}, {}
    for entry in entries:
        if entry.seq <= done.get(entry.holder, 0):
            raise Impossible(f"{entry.holder}: sequence {entry.seq} ran again")
        done[entry.holder] = entry.seq
        had[entry.holder] = had.get(entry.holder, 0) + entry.granted
    return {holder: {None: count} for holder, count in had.items()}
