"""Secrets in files of mode 0600, made at the first start: the owner's token, and the pepper of all others' hashes."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from timeline.errors import WrongSetting

TOKEN_PREFIX = "tl_"  # noqa: S105  (the public part, by which a leaked token is recognised)
TOKEN_CHARACTERS_MIN = 32
PEPPER_BYTES = 32


def owner_token(path: Path) -> str:
    """The owner's token, made at the first start. The file is readable by its owner alone.

    Raises:
        WrongSetting: the file can't be read or made, or holds no token of ours.
    """
    token = _held(path, "the owner's token", lambda: TOKEN_PREFIX + secrets.token_urlsafe(32))
    # An emptied file would make `Bearer` and nothing the owner.
    if len(token) < TOKEN_CHARACTERS_MIN or not token.isprintable():
        raise WrongSetting(f"Expected the owner's token in {path}, found none. Remove the file, and a new one is made.")
    return token


def pepper(path: Path) -> bytes:
    """The key that tokens are hashed under, made at the first start. Without it no token of the database is known.

    Raises:
        WrongSetting: the file can't be read or made, or holds no such key.
    """
    held = _held(path, "the key of the tokens' hashes", lambda: secrets.token_hex(PEPPER_BYTES))
    try:
        found = bytes.fromhex(held)
    except ValueError:
        found = b""
    if len(found) != PEPPER_BYTES:
        raise WrongSetting(
            f"Expected {PEPPER_BYTES} bytes in hexadecimal in {path}, found something else. Bring the file back: "
            "with another key, every token that was issued is unknown."
        )
    return found


def _held(path: Path, what: str, make: Callable[[], str]) -> str:
    try:
        if not path.exists():
            write_secret(path, make() + "\n")
        refuse_shared(path, what)
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"Can't use {what} in {path}: {error}. Choose another --data-dir.") from error


def refuse_shared(path: Path, what: str) -> None:
    """Refuse a secret that others of this machine can read, or could have put there.

    Raises:
        WrongSetting: its mode lets them, or it belongs to somebody else.
        OSError: it can't be looked at.
    """
    found = path.stat()
    if found.st_mode & 0o077:
        raise WrongSetting(
            f"Others may read {what} in {path}: its mode is {found.st_mode & 0o777:04o}, expected 0600. "
            f"If none of them did, `chmod 600 {path}`; else make a new one."
        )
    if found.st_uid not in (os.geteuid(), 0):
        raise WrongSetting(f"{what[:1].upper()}{what[1:]} in {path} belongs to uid {found.st_uid}, not to us.")


def write_secret(path: Path, text: str) -> bool:
    """Write a file of mode 0600, whole or not at all; False where there is one already, which stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # Not replaced: of two processes that start here at once on a database elsewhere, both serve the first's.
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
            return True
        return False
    finally:
        part.unlink(missing_ok=True)
