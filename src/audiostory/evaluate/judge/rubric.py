"""What a judge is asked: a rubric's question, its criteria, and what each whole score means.

Source: AudioStory, Appendix E.2, which names four criteria for each of four aspects and a range of
0 to 5 (Sec. 3). Their wording here and what 0 to 5 mean are ours: the paper prints its criteria,
but neither its prompt nor anchors.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, Field, create_model

from audiostory.errors import ConfigError

Shown = Literal["audio", "instruction", "plan"]
PAPER_RUBRICS = ("instruction_following", "reasoning_logic", "consistency", "coherence")
"""In the order of Table 1."""
MAX_SCORE = 5


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One of the things a rubric looks at."""

    key: str
    """Its field in an answer."""
    name: str
    asks: str


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """One aspect of a track."""

    key: str
    """Name of its file."""
    title: str
    column: str
    """Key of its column in a report."""
    column_title: str
    source: str
    shown: tuple[Shown, ...]
    """What the judge is given to look at."""
    question: str
    criteria: tuple[Criterion, ...]
    anchors: tuple[str, ...]
    """What each score means, from 0 to 5."""

    @property
    def text(self) -> str:
        """The rubric as the judge reads it."""
        criteria = [f"- {one.key} ({one.name}): {one.asks}" for one in self.criteria]
        anchors = [f"{score}: {meaning}" for score, meaning in enumerate(self.anchors)]
        return "\n".join(
            [
                f"# {self.title}",
                self.question.strip(),
                "",
                "Score each of these, then the whole as `overall`, which need not be their mean:",
                *criteria,
                "",
                f"Scores are whole numbers from 0 to {MAX_SCORE}. For the whole they mean, and for "
                "each criterion accordingly:",
                *anchors,
            ]
        )

    @property
    def digest(self) -> str:
        """8 hex digits of the text and of what is shown: scores of two are not comparable."""
        shown = " ".join(sorted(self.shown))
        return hashlib.sha256(f"{shown}\n{self.text}".encode()).hexdigest()[:8]


class Mark(BaseModel):
    """One score of a judge."""

    reason: str
    """Why, in a sentence; written before the score, so that the score follows from it."""
    score: int = Field(ge=0, le=MAX_SCORE)


def answer_form(rubric: Rubric) -> type[BaseModel]:
    """The form of an answer: a ``Mark`` for each criterion, and one called ``overall``."""
    fields: dict[str, Any] = {one.key: (Mark, ...) for one in rubric.criteria}
    return create_model("Marks", **fields, overall=(Mark, ...))


def paper_rubrics() -> tuple[Rubric, ...]:
    """The paper's four, in the order of Table 1."""
    folder = files("audiostory.evaluate.judge") / "rubrics"
    texts = {key: (folder / f"{key}.toml").read_text(encoding="utf-8") for key in PAPER_RUBRICS}
    return tuple(rubric_of(text, key) for key, text in texts.items())


def load_rubric(path: Path) -> Rubric:
    """A rubric of one's own, from a TOML file with the fields of those in ``rubrics``.

    Raises:
        ConfigError: if the file cannot be read or is no rubric.
    """
    try:
        return rubric_of(path.read_text(encoding="utf-8"), path.stem)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the rubric {path} cannot be read: {error}") from error


def rubric_of(text: str, key: str) -> Rubric:
    """The rubric that a TOML text describes.

    Raises:
        ConfigError: naming the field that is missing, unknown or wrong.
    """
    try:
        fields = tomllib.loads(text)
        criteria = tuple(Criterion(**one) for one in fields.pop("criteria"))
        anchors, shown = tuple(fields.pop("anchors")), tuple(fields.pop("shown"))
        rubric = Rubric(key=key, criteria=criteria, anchors=anchors, shown=shown, **fields)
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"the rubric {key} is wrong ({error}): write it as those in evaluate/judge/rubrics"
        ) from error
    _check(rubric)
    return rubric


def _check(rubric: Rubric) -> None:
    """Refuse what a judge could not score by."""
    keys = [one.key for one in rubric.criteria]
    if not keys or len(set(keys)) < len(keys) or not all(key.isidentifier() for key in keys):
        raise ConfigError(f"the rubric {rubric.key} needs criteria with different simple keys")
    if "overall" in keys:
        raise ConfigError(f"the rubric {rubric.key} calls a criterion overall: rename it")
    if len(rubric.anchors) != MAX_SCORE + 1:
        raise ConfigError(
            f"the rubric {rubric.key} has {len(rubric.anchors)} anchors: say what each score from "
            f"0 to {MAX_SCORE} means"
        )
    if not rubric.shown or not set(rubric.shown) <= set(get_args(Shown)):
        raise ConfigError(
            f"the rubric {rubric.key} shows {list(rubric.shown)}: choose from {get_args(Shown)}"
        )
