"""Users, keys, roles and limits for a benchmark, and the requests they make."""

import base64
import hashlib
import hmac
import json
import random
import subprocess

from harness.apikey import ALPHABET, with_checksum

PEPPER_ID = "bench"
HOST = "api.example.com"
FRONTEND = "api"  # as in haproxy-examples/api-keys
ISSUER = "https://id.example.com/realms/main"
AUDIENCE = "https://api.example.com"
SEED = 1
# A busy caller's: high enough that every request is allowed, and whole numbers a second, so that they are
# leased ahead.
LIMITED_USERS = 10
# Users of one role that has very many rules.
RULED_USERS = 10
MANY_RULES = 10000
MANY_RULES_ROLE = "large"
LIMITS = {
    "burst": {"rate": "60000000/min"},
    "hourly": {"rate": "360000000/h"},
    "daily": {"quota": "1000000000", "per": "day"},
    "monthly": {"quota": "1000000000", "per": "month"},
}


class Population:
    """`users` users with a key and a role each; `rules` rules a role. The same at every run.

    The last LIMITED_USERS of them have four limits, the others none; the RULED_USERS before those
    have a role of MANY_RULES rules.
    """

    def __init__(self, users=1000, roles=10, rules=10):
        self.random = random.Random(SEED)
        self.users = users
        self.roles = roles
        self.rules = rules
        self.pepper = self.random.randbytes(32)
        self.keys = [self._make_key() for _ in range(users)]
        self.secret = self.random.randbytes(32)

    def _make_key(self):
        letters = self.random.choices(ALPHABET, k=42)
        return with_checksum(f"rv_{''.join(letters[:10])}_{''.join(letters[10:])}")

    def write_pepper(self, path):
        path.touch(mode=0o600)
        path.write_text(f"{PEPPER_ID} {self.pepper.hex()}\n")

    def write_secret(self, path):
        """Of the issuer of tokens, as a JWK."""
        path.touch(mode=0o600)
        path.write_text(json.dumps({"kty": "oct", "k": _base64url(self.secret)}))

    def token(self, user):
        """As long as those of RS256 are. By a MAC, since a token that is remembered costs no signature."""
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"user{user}", "jti": f"token-{user}",
                  "iat": 1700000000, "exp": 4000000000, "scope": "orders:read " * 30}  # fmt: skip
        parts = [{"alg": "HS256", "typ": "JWT"}, claims]
        text = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
        mac = hmac.new(self.secret, text.encode(), hashlib.sha256).digest()
        return f"{text}.{_base64url(mac)}"

    def free(self):
        """Users without limits, with roles of `rules` rules."""
        return range(self.users - LIMITED_USERS - RULED_USERS)

    def ruled(self):
        """Users whose role has MANY_RULES rules."""
        return range(self.users - LIMITED_USERS - RULED_USERS, self.users - LIMITED_USERS)

    def limited(self):
        return range(self.users - LIMITED_USERS, self.users)

    def _records(self):
        """(key in Redis, {field: value}) of everything."""
        for limit, fields in LIMITS.items():
            yield f"reeve:limit:{limit}", {"scope": "user", **fields}
        for role in range(self.roles):
            yield f"reeve:role:role{role}", _rules(role, self.rules)
        yield f"reeve:role:{MANY_RULES_ROLE}", _rules(MANY_RULES_ROLE, MANY_RULES)
        for user, key in enumerate(self.keys):
            name = f"user{user}"
            roles = MANY_RULES_ROLE if user in self.ruled() else f"role{user % self.roles}"
            limits = {"limits": ",".join(LIMITS)} if user in self.limited() else {}
            yield f"reeve:user:{{{name}}}", {"state": "active", "roles": roles, **limits}
            digest = hmac.new(self.pepper, key.encode(), hashlib.sha256).hexdigest()
            fields = {
                "user": name,
                "state": "active",
                "hash": f"hmac-sha256:{PEPPER_ID}:{digest}",
            }
            yield f"reeve:key:{key.split('_')[1]}", fields

    def load(self, address):
        """Into Redis, in one pipe."""
        words = (
            ["HSET", key, *(word for pair in fields.items() for word in pair)]
            for key, fields in self._records()
        )
        host, port = address
        pipe = ["redis-cli", "-h", host, "-p", str(port), "--pipe"]
        subprocess.run(
            pipe, input=b"".join(map(_resp, words)), check=True, stdout=subprocess.DEVNULL
        )

    def write_requests(self, path, users, verdict="allow", has_tokens=False):
        """For spopload: one request of each of these users in turn, all of them allowed."""
        with path.open("w", encoding="ascii") as out:
            for user in users:
                is_ruled = user in self.ruled()
                role = MANY_RULES_ROLE if is_ruled else user % self.roles
                rule = self.random.randrange(MANY_RULES if is_ruled else self.rules)
                target = f"/v{role}/things{rule}/{self.random.randrange(10**6)}"
                source = f"10.{user >> 16 & 255}.{user >> 8 & 255}.{user & 255}"
                key = f"Bearer {self.token(user)}" if has_tokens else self.keys[user]
                print("GET", HOST, target, key, source, verdict, sep="\t", file=out)


def _base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _rules(role, count):
    return {
        f"rule:{rule}": f"allow GET,POST {HOST} /v{role}/things{rule}/{{id}}"
        for rule in range(count)
    }


def _resp(words):
    encoded = [word.encode() for word in words]
    parts = [b"*%d\r\n" % len(encoded)]
    parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded]
    return b"".join(parts)
