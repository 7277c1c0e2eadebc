"""The form of an API key, made here a second time so that the agent's own is tested by another."""

import zlib

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def with_checksum(body):
    """rv_<id>_<secret> and its CRC-32 in six base62 digits."""
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = ALPHABET[digit] + digits
    return f"{body}_{digits}"


def key_id(key):
    return key.split("_")[1]
