"""What a system said about each item of a set, in a file that grows and can be gone on with.

JSON Lines, UTF-8. The first line says what was asked, each further one what came back:

    {"task": "captions", "set": "clotho", "version": "first-3f2a...", "system": "whisper-llm"}
    {"id": "rain-1", "text": "Rain falls on a tin roof"}
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from audiostory.chat import ChatUnavailableError, UnusableAnswerError
from audiostory.data.manifest import read_objects
from audiostory.errors import AudioError, ChatError, CorpusError, OutputError
from audiostory.evaluate.understanding.lines import append_line, remove_torn_line
from audiostory.generate.batch.claims import Claim, claim

Progress = Callable[[int, int], None]
"""Told how many items are done, and of how many."""
Refused = Callable[[str, str], str | None]
"""What becomes of an item that has no answer, given its id and the reason: a text that is kept in
its place, or None, which leaves it out of the file for the next run."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a file of predictions answers."""

    task: Literal["captions", "answers"]
    set: str
    version: str
    """Of the set."""
    system: str
    """What names the system, its weights and its prompt: another name, another file."""


def predict(
    asked: Asked,
    ids: Sequence[str],
    say: Callable[[int], str],
    path: Path,
    *,
    refused: Refused | None = None,
    num_threads: int = 1,
    progress: Progress | None = None,
) -> dict[str, str]:
    """What a system says about every item, by id; what the file already holds is not asked again.

    Each text is on the disk before its thread asks the next. A last line that a kill left
    unfinished is removed, and its item asked again. One process at a time may write a file.

    Args:
        asked: what is asked, written into a new file and compared with that of an old one.
        ids: of the items, in the order they are asked in.
        say: what the system says about the item of an index.
        path: of the file; its folder exists.
        refused: what becomes of an item that the system gives no answer to, or that cannot be
            heard; None lets the error through. Where nothing has been answered yet and an API does
            not take the question, the error goes through in any case: it takes none of them.
        num_threads: items that are asked about at the same time.
        progress: told after every item.

    Raises:
        OutputError: if the file answers something else, holds items that are not asked, is
            damaged, is being written by another process, or cannot be written.
    """
    with _held(path):
        said = _resumed(path, asked)
        foreign = sorted(said.keys() - set(ids))
        if foreign:
            raise OutputError(f"{path} is about items that are not asked: {', '.join(foreign[:3])}")
        todo = [index for index, name in enumerate(ids) if name not in said]
        if progress is not None and said:
            progress(len(said), len(ids))
        asking = _Asking(ids, say, path, said, refused, progress)
        with ThreadPoolExecutor(num_threads) as pool:
            futures = [pool.submit(asking.one, index) for index in todo]
            try:
                for future in futures:
                    future.result()
            finally:  # after an error nothing more is begun, and what is under way is kept
                asking.is_over = True
    return {name: said[name] for name in ids if name in said}


def kept_in(path: Path, asked: Asked) -> dict[str, str]:
    """Texts that a file holds already; none where there is no file.

    Raises:
        OutputError: if it answers something else, is damaged, or is being written by another
            process.
    """
    with _held(path):
        return _kept(path, asked)


def _held(path: Path) -> Claim:
    """The right to write a file, until it is given back."""
    held = claim(path.with_name(f"{path.name}.lock"))
    if held is None:
        raise OutputError(f"another process writes {path}: wait for it, or name another file")
    return held


def _kept(path: Path, asked: Asked) -> dict[str, str]:
    """Texts that a file holds, without a line that a kill left unfinished."""
    if path.exists():
        remove_torn_line(path)
    if not path.exists() or not path.stat().st_size:
        return {}
    before, said = read_predictions(path)
    if before != asked:
        raise OutputError(
            f"{path} answers {before}, not {asked}: write to another file, or remove this one"
        )
    return said


@dataclass
class _Asking:
    """Items being asked about by several threads, their texts going into one file."""

    ids: Sequence[str]
    say: Callable[[int], str]
    path: Path
    said: dict[str, str]
    """Grows as texts come."""
    refused: Refused | None
    progress: Progress | None
    is_over: bool = False
    """Whether nothing more may be begun."""
    num_left_out: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def one(self, index: int) -> None:
        """Ask about an item and keep what is said."""
        if self.is_over:
            return
        try:
            text = self._text(index)
            with self._lock:
                self._keep(self.ids[index], text)
        except BaseException:
            self.is_over = True
            raise

    def _text(self, index: int) -> str | None:
        """What is said about an item; None where that is nothing."""
        try:
            return self.say(index)
        except ChatUnavailableError:
            raise
        except (ChatError, AudioError) as error:
            takes_none = not isinstance(error, UnusableAnswerError) and not self.said
            if self.refused is None or takes_none:
                raise
            return self.refused(self.ids[index], str(error))

    def _keep(self, name: str, text: str | None) -> None:
        if text is None:
            self.num_left_out += 1
        else:
            append_line(self.path, {"id": name, "text": text})
            self.said[name] = text
        if self.progress is not None:
            self.progress(len(self.said) + self.num_left_out, len(self.ids))


def read_predictions(path: Path) -> tuple[Asked, dict[str, str]]:
    """What a file of predictions answers, and its texts by id.

    Raises:
        OutputError: if it is missing or damaged, naming the line.
    """
    said: dict[str, str] = {}
    asked: Asked | None = None
    try:
        for number, entry in read_objects(path):
            if asked is None:
                asked = Asked(**entry)
            elif entry.keys() != {"id", "text"} or entry["id"] in said:
                raise OutputError(f"{path}:{number}: not an id of its own and a text")
            else:
                said[str(entry["id"])] = str(entry["text"])
    except TypeError as error:
        raise OutputError(f"{path}:1: no head of a file of predictions: {error}") from error
    except CorpusError as error:
        raise OutputError(f"{error}: remove the file, or the line, to ask again") from error
    if asked is None:
        raise OutputError(f"{path} is empty: remove it")
    return asked, said


def _resumed(path: Path, asked: Asked) -> dict[str, str]:
    """Texts of a file that answers the same; a file that is not there is begun."""
    said = _kept(path, asked)
    if not path.exists() or not path.stat().st_size:
        append_line(path, asdict(asked))
    return said
