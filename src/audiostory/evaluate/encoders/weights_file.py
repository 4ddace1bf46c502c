"""Weights made by others: a file on this machine or at a URL, trusted only by its sha256.

What was fetched is kept in a folder (``~/.cache/audiostory`` unless told otherwise) under its
published name, so that a file fetched by hand can be put there just as well.
"""

from __future__ import annotations

import fcntl
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from audiostory.errors import CheckpointError
from audiostory.models.shards import sha256 as file_sha256

FetchProgress = Callable[[int, int | None], None]
"""Called with the bytes that are here and, where the server says it, those there are in all."""
CHUNK_BYTES = 1 << 20
TIMEOUT_S = 60.0
"""Silence of a server after which it counts as unreachable."""


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file of weights as its authors published it."""

    name: str
    """What it is called in the cache."""
    url: str
    sha256: str
    """All 64 hex digits."""


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights on this machine, and the digest of what it holds."""

    path: Path
    sha256: str

    @property
    def digest(self) -> str:
        """The first 12 hex digits, as cards show them."""
        return self.sha256[:12]


def default_cache() -> Path:
    """The folder that fetched weights are kept in; it need not exist yet."""
    return Path.home() / ".cache" / "audiostory"


def find_weights(
    published: PublishedFile,
    given: Path | str | None = None,
    *,
    cache: Path | None = None,
    progress: FetchProgress | None = None,
) -> WeightsFile:
    """The weights that were asked for, fetched if need be, their digest checked or taken.

    Args:
        published: the file to use where nothing else is given.
        given: a file instead, or ``https://...#sha256=HEX``. A file that is called like the
            published one has to be that one; any other is taken as it is, and its digest is part
            of every card.
        cache: folder that fetched files are kept in; None is ``default_cache()``.
        progress: told how much has arrived.

    Raises:
        CheckpointError: if there is no such file, the server cannot be reached, or what arrived is
            cut off or not what was published. The message has the URL and both digests, and says
            where a file fetched by hand belongs.
    """
    folder = default_cache() if cache is None else Path(cache)
    if given is None:
        return _kept(published, folder, progress)
    if urlsplit(str(given)).scheme in ("http", "https"):
        return _kept(_addressed(str(given)), folder, progress)
    return _own(Path(given), published)


def sha256_of(path: Path) -> str:
    """All 64 hex digits of the digest of a file.

    Raises:
        CheckpointError: if it cannot be read.
    """
    try:
        return file_sha256(path)
    except OSError as error:
        raise CheckpointError(
            f"the weights {path} cannot be read ({error.strerror}): give a readable file"
        ) from error


def _addressed(url: str) -> PublishedFile:
    bare, _, sha256 = url.partition("#sha256=")
    if len(sha256) != 64 or set(sha256.lower()) - set("0123456789abcdef"):
        raise CheckpointError(
            f"{url} does not say what its file has to be: add #sha256= and the 64 hex digits"
        )
    name = unquote(Path(urlsplit(bare).path).name) or "weights"
    return PublishedFile(name=f"{sha256[:8].lower()}-{name}", url=bare, sha256=sha256.lower())


def _own(path: Path, published: PublishedFile) -> WeightsFile:
    sha256 = sha256_of(path)
    if path.name == published.name and sha256 != published.sha256:
        raise CheckpointError(
            f"{path} is not the published file of that name: its sha256 is {sha256}, that of "
            f"{published.url} is {published.sha256}. Fetch it again, or, if these are weights of "
            "your own, call the file otherwise"
        )
    return WeightsFile(path, sha256)


def _kept(published: PublishedFile, folder: Path, progress: FetchProgress | None) -> WeightsFile:
    path = folder / published.name
    if not path.is_file():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _fetch(published, path, progress)
        except (OSError, http.client.HTTPException) as error:
            raise CheckpointError(_unreachable(published, path, error)) from error
    found = sha256_of(path)
    if found != published.sha256:
        raise CheckpointError(_tampered(published, found, path) + f" Remove {path} first")
    return WeightsFile(path, found)


def _fetch(published: PublishedFile, path: Path, progress: FetchProgress | None) -> None:
    """Put the published file at ``path``, whole or not at all; go on where an earlier try ended."""
    partial = path.with_name(path.name + ".part")
    with partial.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # another process may be fetching it: wait for that one
        if path.is_file():
            return
        if not partial.exists():  # another one fetched something else, and threw it away
            raise CheckpointError(f"{published.url} was fetched and refused just now: try again")
        _append(published.url, file, progress)
        file.flush()
        if (found := sha256_of(partial)) != published.sha256:
            partial.unlink()
            raise CheckpointError(_tampered(published, found, path))
        partial.replace(path)


def _append(url: str, file: BinaryIO, progress: FetchProgress | None) -> None:
    """The rest of what is at ``url``, after what the file already has.

    Raises:
        CheckpointError: if less arrived than the server had announced; what arrived stays.
    """
    with _opened(url, file) as response:
        if response.status != http.client.PARTIAL_CONTENT:
            file.truncate(0)
            file.seek(0)
        length = response.headers.get("Content-Length")
        total = None if length is None else file.tell() + int(length)
        while chunk := response.read(CHUNK_BYTES):
            file.write(chunk)
            if progress is not None:
                progress(file.tell(), total)
    if total is not None and file.tell() < total:
        raise CheckpointError(
            f"{url} broke off after {file.tell()} of {total} bytes: try again, and it goes on "
            "from there"
        )


def _opened(url: str, file: BinaryIO) -> http.client.HTTPResponse:
    start = file.seek(0, 2)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not start:
            raise
    file.truncate(0)  # there is more here than there: not the beginning of that file
    return urllib.request.urlopen(urllib.request.Request(url), timeout=TIMEOUT_S)


def _by_hand(published: PublishedFile, path: Path) -> str:
    return (
        f"fetch {published.url} where it can be reached, check that its sha256 is "
        f"{published.sha256}, and put it at {path}"
    )


def _unreachable(published: PublishedFile, path: Path, error: Exception) -> str:
    return (
        f"the weights {published.name} are not on this machine, and could not be fetched "
        f"({error}): {_by_hand(published, path)}"
    )


def _tampered(published: PublishedFile, found: str, path: Path) -> str:
    return (
        f"what was fetched as {published.name} is not what was published: its sha256 is {found}. "
        f"To mend it, {_by_hand(published, path)}."
    )
