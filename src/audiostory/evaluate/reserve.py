"""Whether a planner makes good plans of instructions that nobody trained it on.

``assets/reserve_instructions.jsonl`` holds 200 instructions written by hand for this purpose
only: in the wording of AudioCaps and MusicCaps, the paper's figures, sound designers, film, games,
radio and children's stories, as terse lists and long prose, questions, in borrowed English, with
emoji, other languages and stated times. ``assets/second_reserve.jsonl`` holds 60 more: the rules of
decision 007 were made after failures on the first 200 had been read, and these were written by
someone who knew neither. Each names the sounds that the story has to name.

A sound counts as named where an event's sounds or its clip's caption (what is going to be heard)
have one of its accepted words; the bar is a valid story of 2 to 8 events that names all of them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from audiostory.data.manifest import read_objects
from audiostory.errors import AudioStoryError, CorpusError
from audiostory.story.plan import Plan, story_of
from audiostory.story.types import Instruction, Story

MIN_EVENTS, MAX_EVENTS = 2, 8
TOLERANCE_S = 0.1
"""How far durations may miss what they should add up to."""
LUMP = 3
"""A caption that names all sounds of an instruction with at least this many has split nothing."""

Planner = Callable[[Instruction, int], "Plan | Story"]
"""Makes a plan of an instruction and a seed."""
Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done."""


@dataclass(frozen=True, kw_only=True)
class ReserveRow:
    """One instruction held in reserve."""

    id: str
    text: str
    sounds: tuple[tuple[str, ...], ...]
    """Accepted words (lower case, stems) of each named sound, in the order they should happen."""
    duration_s: float | None = None
    """Length asked for beside the text; None leaves it to the text."""
    stated_s: float | None = None
    """Length of the whole track that the text itself states."""
    is_ordered: bool = True
    """Whether the text puts its sounds in an order."""
    style: str = ""
    """Kind of wording."""

    @property
    def asked_s(self) -> float | None:
        """Length the story has to have, in seconds; None if nobody said."""
        return self.stated_s if self.duration_s is None else self.duration_s


@dataclass(frozen=True, kw_only=True)
class ReserveResult:
    """What became of one instruction."""

    id: str
    style: str
    problems: tuple[str, ...]
    """What makes the story invalid; empty for a valid one."""
    num_events: int
    """Events of the story; 0 if there is none."""
    missing: tuple[str, ...]
    """Sounds (by their first word) that nothing to be heard names."""
    events_of: tuple[tuple[int, ...], ...]
    """Per sound, the events (from 0) whose sounds or caption name it."""
    captions_of: tuple[tuple[int, ...], ...]
    """Per sound, the clips whose caption names it: what the renderer is told."""
    in_order: bool | None
    """Whether sounds first appear in the order of the text; None if it has none, or too few."""
    is_lumped: bool
    """Whether one caption names all of three or more sounds."""
    repeated: int
    """Captions that say the same as an earlier one."""
    captions: tuple[str, ...]
    """The captions, to look at."""

    @property
    def is_valid(self) -> bool:
        """Whether the story is well formed, as long as asked, and has 2 to 8 events."""
        return not self.problems

    @property
    def passes(self) -> bool:
        """Whether the story is valid and names every sound."""
        return self.is_valid and not self.missing


@dataclass(frozen=True)
class Report:
    """What became of the instructions held in reserve."""

    results: tuple[ReserveResult, ...]
    rows: tuple[ReserveRow, ...] = field(repr=False)

    def summary(self) -> dict[str, float]:
        """Shares in [0, 1], over instructions unless their name says otherwise."""
        results = self.results
        sounds = [one for result in results for one in result.events_of]
        captioned = [one for result in results for one in result.captions_of]
        ordered = [result.in_order for result in results if result.in_order is not None]
        many = [result for result in results if result.captions and len(result.events_of) >= LUMP]
        return {
            "instructions": float(len(results)),
            "pass": _share(result.passes for result in results),
            "valid": _share(result.is_valid for result in results),
            "all_sounds_named": _share(not result.missing for result in results),
            "sounds_named": _share(map(bool, sounds)),
            "sounds_in_captions": _share(map(bool, captioned)),
            "in_order": _share(bool(one) for one in ordered),
            "lumped": _share(result.is_lumped for result in many),
            "repeating": _share(result.repeated > 0 for result in results),
        }

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        results = [
            {**asdict(result), "text": row.text, "passes": result.passes}
            for result, row in zip(self.results, self.rows, strict=True)
        ]
        return {"summary": self.summary(), "styles": self._styles(), "results": results}

    def to_markdown(self) -> str:
        """The summary, a table by style, and every instruction that does not pass."""
        lines = ["# Instructions held in reserve", ""]
        lines += [f"- {key.replace('_', ' ')}: {value:g}" for key, value in self._rounded()]
        lines += ["", "| style | instructions | pass | sounds named |", "|---|---|---|---|"]
        for style, (count, passing, named) in self._styles().items():
            lines.append(f"| {style} | {count:g} | {passing:.2f} | {named:.2f} |")
        lines += ["", "| does not pass | why |", "|---|---|"]
        for result in self.results:
            if not result.passes:
                missing = f"names no {', '.join(result.missing)}" if result.missing else ""
                why = "; ".join(filter(None, (*result.problems, missing)))
                lines.append(f"| {result.id} | {why.replace('|', '/')} |")
        return "\n".join(lines) + "\n"

    def _rounded(self) -> Iterable[tuple[str, float]]:
        return ((key, round(value, 3)) for key, value in self.summary().items())

    def _styles(self) -> dict[str, tuple[float, float, float]]:
        styles: dict[str, list[ReserveResult]] = {}
        for result in self.results:
            styles.setdefault(result.style, []).append(result)
        return {
            style: (
                float(len(group)),
                _share(result.passes for result in group),
                _share(bool(one) for result in group for one in result.events_of),
            )
            for style, group in styles.items()
        }


def _share(claims: Iterable[bool]) -> float:
    claims = list(claims)
    return sum(claims) / len(claims) if claims else 0.0


def reserve_rows(path: Path | None = None) -> tuple[ReserveRow, ...]:
    """The instructions held in reserve, or those of another file of the same form.

    Raises:
        CorpusError: naming the line, if the file cannot be used.
    """
    if path is None:
        path = Path(str(files("audiostory.evaluate") / "assets" / "reserve_instructions.jsonl"))
    rows = []
    for number, entry in read_objects(path):
        try:
            sounds = tuple(tuple(words) for words in entry["sounds"])
            rows.append(ReserveRow(**{**entry, "sounds": sounds}))
        except (KeyError, TypeError) as error:
            raise CorpusError(f"{path}:{number}: not such an instruction: {error}") from error
    return tuple(rows)


def names(text: str, words: Iterable[str]) -> bool:
    """Whether ``text`` has one of ``words``, in any of its forms.

    Words of five letters and more match what begins with them; shorter ones only their own
    inflections, so that "cat" is not found in "category". Words beyond ASCII (other scripts,
    emoji) match anywhere.
    """
    plain = _plain(text)
    return any(_pattern(word).search(plain) for word in words)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


@lru_cache(maxsize=4096)
def _pattern(word: str) -> re.Pattern[str]:
    word = _plain(word)
    if not word.isascii():
        return re.compile(re.escape(word))
    *before, last = (re.escape(part) for part in re.split(r"[\s-]+", word))
    if len(last) >= 5:
        forms = rf"{last}\w*"
    else:
        forms = rf"{last}(?:'?s|es|'?d|ed|ing|ings|{last[-1]}ed|{last[-1]}ing)?"
    if last.endswith("e"):
        forms = rf"(?:{forms}|{last[:-1]}ing)"
    return re.compile(rf"\b{'[- ]+'.join((*before, forms))}\b")


def check_plan(plan_or_story: Plan | Story, row: ReserveRow) -> ReserveResult:
    """What became of ``row``: is the story valid, and which of its sounds does it name where?"""
    if isinstance(plan_or_story, Story):
        story, total_s = plan_or_story, plan_or_story.duration_s
    else:
        story, total_s = story_of(plan_or_story), plan_or_story.duration_s
    captions = [clip.caption for clip in story.clips]
    heard = [event.sounds for event in story.storyline.events]
    heard = [f"{sounds}\n{caption}" for sounds, caption in zip(heard, captions, strict=False)]
    events_of = tuple(_where(words, heard) for words in row.sounds)
    captions_of = tuple(_where(words, captions) for words in row.sounds)
    counts = [sum(index in where for where in captions_of) for index in range(len(captions))]
    return ReserveResult(
        id=row.id,
        style=row.style,
        problems=tuple(_problems(story, total_s, row)),
        num_events=len(story.storyline.events),
        missing=tuple(
            words[0] for words, where in zip(row.sounds, events_of, strict=True) if not where
        ),
        events_of=events_of,
        captions_of=captions_of,
        in_order=_in_order(events_of) if row.is_ordered else None,
        is_lumped=len(row.sounds) >= LUMP and len(row.sounds) in counts,
        repeated=len(captions) - len({_plain(caption) for caption in captions}),
        captions=tuple(captions),
    )


def _where(words: Sequence[str], texts: Sequence[str]) -> tuple[int, ...]:
    return tuple(index for index, text in enumerate(texts) if names(text, words))


def _in_order(events_of: Sequence[Sequence[int]]) -> bool | None:
    firsts = [where[0] for where in events_of if where]
    return firsts == sorted(firsts) if len(firsts) >= 2 else None


def _problems(story: Story, total_s: float, row: ReserveRow) -> Iterable[str]:
    events, clips = story.storyline.events, story.clips
    if not MIN_EVENTS <= len(events) <= MAX_EVENTS:
        yield f"{len(events)} events, not {MIN_EVENTS} to {MAX_EVENTS}"
    if len(clips) != len(events):
        yield f"{len(clips)} clips for {len(events)} events"
    if not story.storyline.summary.strip():
        yield "no summary"
    moment_s = 0.0
    for number, event in enumerate(events, 1):
        if abs(event.start_s - moment_s) > TOLERANCE_S:
            yield f"event {number} starts at {event.start_s:g} s, not at {moment_s:g} s"
        if not (event.detail.strip() and event.sounds.strip()):
            yield f"event {number} has no detail or no sounds"
        moment_s = event.end_s
    for number, (event, clip) in enumerate(zip(events, clips, strict=False), 1):
        if abs(event.duration_s - clip.duration_s) > TOLERANCE_S:
            yield f"clip {number} lasts {clip.duration_s:g} s, its event {event.duration_s:g} s"
    if abs(moment_s - total_s) > TOLERANCE_S or abs(story.duration_s - total_s) > TOLERANCE_S:
        yield f"events end at {moment_s:g} s, clips add up to {story.duration_s:g} of {total_s:g} s"
    if row.asked_s is not None and abs(total_s - row.asked_s) > TOLERANCE_S:
        yield f"lasts {total_s:g} s, asked were {row.asked_s:g} s"


def evaluate_reserve(
    planner: Planner,
    rows: Sequence[ReserveRow],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """What ``planner`` makes of every instruction; row ``i`` is planned with seed ``seed + i``.

    An instruction that the planner refuses (an ``AudioStoryError``) has no valid story.
    """
    results = []
    for index, row in enumerate(rows):
        try:
            instruction = Instruction(text=row.text, duration_s=row.duration_s)
            results.append(check_plan(planner(instruction, seed + index), row))
        except AudioStoryError as error:
            results.append(_refused(row, str(error)))
        if progress:
            progress("planning", (index + 1) / len(rows))
    return Report(tuple(results), tuple(rows))


def _refused(row: ReserveRow, why: str) -> ReserveResult:
    return ReserveResult(
        id=row.id,
        style=row.style,
        problems=(f"no story: {why}",),
        num_events=0,
        missing=tuple(words[0] for words in row.sounds),
        events_of=tuple(() for _ in row.sounds),
        captions_of=tuple(() for _ in row.sounds),
        in_order=None,
        is_lumped=False,
        repeated=0,
        captions=(),
    )


def run_reserve(
    planner: Planner,
    folder: Path,
    *,
    rows: Sequence[ReserveRow] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Report:
    """``evaluate_reserve`` on the 200 instructions or ``rows``; writes ``reserve.json``, ``.md``.

    Raises:
        OSError: if the folder cannot be written.
    """
    report = evaluate_reserve(
        planner, reserve_rows() if rows is None else rows, seed=seed, progress=progress
    )
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report.to_json(), ensure_ascii=False, indent=1)
    (folder / "reserve.json").write_text(text + "\n", encoding="utf-8")
    (folder / "reserve.md").write_text(report.to_markdown(), encoding="utf-8")
    return report
