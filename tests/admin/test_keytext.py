"""Keys made in plain sh and by reevectl: form, checksum, hash; nothing weaker in either."""

import hashlib
import hmac
import re
import subprocess
import zlib

import pytest

from support import ALPHABET, BUILD, FOLDER, SHELLS, Admin, base62, key_id

REEVECTL = BUILD / "reevectl"
MAKERS = {"sh": "", "reevectl": str(REEVECTL)}

# RFC 4231 4.2 to 4.5: key, data, digest. Longer keys are no peppers.
RFC_4231 = [
    ("0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe".hex(),
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    ("aa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        bytes(range(1, 26)).hex(),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
]


def keytext(shell, command, data=b"", *words):
    """A function of keytext.sh, as reeve-admin calls it."""
    script = f'LC_ALL=C; export LC_ALL; . "{FOLDER}/keytext.sh"; {command}'
    done = subprocess.run(
        [*SHELLS[shell], "-c", script, "sh", *words], input=data, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(params=SHELLS)
def shell(request):
    return request.param


@pytest.fixture(params=MAKERS)
def maker(request, server, redis):
    if request.param == "reevectl":
        assert REEVECTL.exists(), f"no {REEVECTL}: build it, or set REEVE_TEST_BUILD"
    redis("HSET", "reeve:user:{alice}", "state", "active")
    return Admin(server.url, REEVE_REEVECTL=MAKERS[request.param])


def test_hmac_of_rfc_4231(shell):
    for key, data, digest in RFC_4231:
        assert keytext(shell, 'hmac_sha256 "$1"', data, key).decode() == digest


def test_hmac_of_every_length_of_pepper(shell):
    for length in (16, 17, 32, 63, 64):
        key = bytes((7 * number) % 256 for number in range(length))
        digest = hmac.new(key, b"data", "sha256").hexdigest()
        assert keytext(shell, 'hmac_sha256 "$1"', b"data", key.hex()).decode() == digest


def test_crc(shell):
    for data in (b"", b"123456789", bytes(range(256)), b"rv_" + b"0" * 43):
        assert keytext(shell, "crc32_base62", data).decode() == base62(zlib.crc32(data), 6)


def test_digests_without_coreutils(shell, tmp_path):
    """Where there is no sha256sum, openssl does it."""
    for name in ("openssl",):
        path = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout
        (tmp_path / name).symlink_to(path.strip())
    if shell == "busybox":
        return  # has its own, always found
    for algorithm in ("sha1", "sha256"):
        text = keytext(shell, 'PATH=$1; digest "$2"', b"data", str(tmp_path), algorithm)
        assert text.decode() == hashlib.new(algorithm, b"data").hexdigest()


def test_random_characters_are_even(shell):
    """6 200 characters: each of the 62 within 6 standard deviations (10) of its 100."""
    text = keytext(shell, 'random_base62 6200; printf %s "$base62"').decode()
    assert len(text) == 6200 and set(text) == set(ALPHABET)
    counts = [text.count(char) for char in ALPHABET]
    assert 40 < min(counts) and max(counts) < 160


def judge(key, record, pepper=None, pepper_id=None):
    assert re.fullmatch(r"rv_[0-9A-Za-z]{10}_[0-9A-Za-z]{32}_[0-9A-Za-z]{6}", key)
    body, checksum = key.rsplit("_", 1)
    assert checksum == base62(zlib.crc32(body.encode()), 6)
    if pepper is None:
        assert record["hash"] == "sha256:" + hashlib.sha256(key.encode()).hexdigest()
    else:
        digest = hmac.new(pepper, key.encode(), "sha256").hexdigest()
        assert record["hash"] == f"hmac-sha256:{pepper_id}:{digest}"


def test_without_pepper(maker, redis):
    for _ in range(3):
        key = maker("key", "issue", "alice").strip()
        judge(key, redis.hash(f"reeve:key:{key_id(key)}"))


def test_with_the_first_pepper(maker, redis, pepper_file):
    maker.env["REEVE_PEPPER_FILE"] = str(pepper_file)
    key = maker("key", "issue", "alice").strip()
    judge(key, redis.hash(f"reeve:key:{key_id(key)}"), b"\x5a" * 32, "p2")


BAD_PEPPER_FILES = {
    "empty": "",
    "only a comment": "# none\n",
    "short": f"p {'ab' * 15}\n",
    "long": f"p {'ab' * 65}\n",
    "odd": f"p {'ab' * 16}a\n",
    "no hex": f"p {'xy' * 16}\n",
    "no id": f"{'ab' * 16}\n",
    "bad id": f"p@ {'ab' * 16}\n",
    "long id": f"{'p' * 33} {'ab' * 16}\n",
    "two blanks": f"p  {'ab' * 16}\n",
    "third word": f"p {'ab' * 16} x\n",
    "bad second": f"p {'ab' * 16}\nq\n",
    "same id twice": f"p {'ab' * 16}\np {'cd' * 16}\n",
    "carriage return": f"p {'ab' * 16}\r\n",
}


@pytest.mark.parametrize("fault", BAD_PEPPER_FILES)
def test_a_bad_pepper_file_makes_no_key(maker, redis, tmp_path, fault):
    path = tmp_path / "bad"
    path.write_text(BAD_PEPPER_FILES[fault])
    path.chmod(0o600)
    maker.env["REEVE_PEPPER_FILE"] = str(path)
    before = redis.snapshot()
    line = maker.refuses("key", "issue", "alice")
    assert str(path) in line and "ab" * 8 not in line
    assert redis.snapshot() == before


def test_a_pepper_file_that_is_not_private_makes_no_key(maker, redis, pepper_file):
    maker.env["REEVE_PEPPER_FILE"] = str(pepper_file)
    for mode in (0o640, 0o604, 0o620, 0o602, 0o644):
        pepper_file.chmod(mode)
        assert "read" in maker.refuses("key", "issue", "alice")
    assert list(redis.snapshot()) == [b"reeve:user:{alice}"]


def test_a_missing_pepper_file_makes_no_key(maker, redis, tmp_path):
    maker.env["REEVE_PEPPER_FILE"] = str(tmp_path / "none")
    maker.refuses("key", "issue", "alice")
    assert list(redis.snapshot()) == [b"reeve:user:{alice}"]


@pytest.mark.parametrize(
    "body", ["exit 1", "echo broken >&2; exit 1", "true", "echo rv_short; echo sha256:x"]
)
def test_a_broken_reevectl_makes_no_key(admin, redis, tmp_path, body):
    """No fall-back: who installs reevectl expects it to be used."""
    redis("HSET", "reeve:user:{alice}", "state", "active")
    path = tmp_path / "reevectl"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    admin.env["REEVE_REEVECTL"] = str(path)
    assert "no key could be made" in admin.refuses("key", "issue", "alice")
    assert list(redis.snapshot()) == [b"reeve:user:{alice}"]


def test_reevectl_is_found_in_the_path(server, redis, tmp_path):
    redis("HSET", "reeve:user:{alice}", "state", "active")
    path = tmp_path / "reevectl"
    key = f"rv_0123456789_{'x' * 32}_000000"
    asked = '[ "$*" = "key new --unpeppered" ]'
    path.write_text(f"#!/bin/sh\n{asked} && echo {key} && echo sha256:{'0' * 64}\n")
    path.chmod(0o755)
    admin = Admin(server.url)
    del admin.env["REEVE_REEVECTL"]
    admin.env["PATH"] = f"{tmp_path}:{admin.env['PATH']}"
    assert admin("key", "issue", "alice").strip() == key
    assert redis.hash("reeve:key:0123456789")["hash"] == "sha256:" + "0" * 64
