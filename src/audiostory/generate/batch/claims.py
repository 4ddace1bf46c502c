"""Exclusive claims on work that several processes and machines share: locks on files.

A claim is a lock, not a lease. The kernel (on NFS 4 the server) takes a lock back when its holder
is gone, however it went, and never before: a story is taken over without waiting, and a slow or
frozen owner keeps what it holds. A lease would need heartbeats and a guess at how long a silent
owner is merely slow, and where the guess is wrong a story is made twice. Ray's list of nodes is no
better a witness: it also drops machines that are cut off, but go on working.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from audiostory.errors import OutputError


@dataclass(frozen=True)
class Claim:
    """A file that this process holds locked."""

    path: Path
    descriptor: int

    def __enter__(self) -> Claim:
        """The claim itself; it is given back at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self.release()

    def release(self) -> None:
        """Give it back; its file goes while it is still ours."""
        try:
            self.path.unlink(missing_ok=True)
        finally:
            os.close(self.descriptor)


def claim(path: Path) -> Claim | None:
    """The claim on ``path``; None while somebody else holds it.

    Raises:
        OutputError: if the file cannot be made, or its folder takes no locks.
    """
    with _told(path):
        while True:
            descriptor = _opened(path)
            try:
                if not _locked(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    os.close(descriptor)
                    return None
                if _is_still_there(path, descriptor):
                    _write(descriptor, f"{socket.gethostname()} {os.getpid()}")
                    return Claim(path, descriptor)
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)  # given back and removed after we opened it


@contextmanager
def joined(path: Path, purpose: str) -> Iterator[bool]:
    """Hold ``path`` together with others of the same purpose: whether there were any.

    Raises:
        OutputError: if others hold it for another purpose, or the folder takes no locks.
    """
    with _told(path):
        descriptor = _opened(path)
    try:
        with _told(path):
            is_first = _locked(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_first:
                _write(descriptor, purpose)
            _locked(descriptor, fcntl.LOCK_SH)  # not one step with the above: so read it again
            found = os.pread(descriptor, 4096, 0).decode()
        if found != purpose:
            raise OutputError(
                f"another command with other rows or options is at work in {path.parent.parent}: "
                "wait for its end, or choose another folder"
            )
        yield not is_first
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _locked(descriptor: int, kind: int) -> bool:
    """Whether the lock was got; False only where somebody else has it."""
    try:
        fcntl.flock(descriptor, kind)
    except BlockingIOError:
        return False
    return True


def _is_still_there(path: Path, descriptor: int) -> bool:
    """Whether the open file is the one that others find under its name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into an error with a way out."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{path} cannot be locked: {error.strerror or error}; choose a writable folder with "
            "room, on a file system with locks (such as NFS 4)"
        ) from error
