"""The page that participants get, as one HTML document that fetches nothing but its own sounds."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from string import Template
from typing import Any

from audiostory.evaluate.listening.criteria import CRITERIA, MAX_SCORE, SCALE
from audiostory.evaluate.listening.key import VERSION, Key

AUDIO_FOLDER = "audio"
"""Beside the page, where sounds are not embedded."""
CHECK = "check"
"""Token of the noise that the volume is set by."""


def page_html(key: Key, contact: str = "", embedded: Mapping[str, bytes] | None = None) -> str:
    """The whole document; nothing of it says which system a track is of.

    Args:
        key: the study.
        contact: whom the answers go to, shown as it is; empty for "the experimenter".
        embedded: MP3 files by token to carry in the page; None: they lie in ``audio`` beside it.
    """
    data = json.dumps(page_data(key, contact), ensure_ascii=False)
    return Template(_asset("page.html")).substitute(
        title=html.escape(key.title),
        max_score=MAX_SCORE,
        css=Template(_asset("page.css")).substitute(steps=len(SCALE)),
        script=_asset("page.js"),
        data=data.replace("<", "\\u003c"),  # no text can end the script element
        sounds="\n".join(_carried(token, file) for token, file in sorted((embedded or {}).items())),
    )


def page_data(key: Key, contact: str) -> dict[str, Any]:
    """What the page's script is given: tokens, texts and each participant's order."""
    return {
        "version": VERSION,
        "study": key.study,
        "contact": contact,
        "min_listened": key.min_listened,
        "criteria": [
            {name: text for name, text in asdict(each).items() if name != "column"}
            for each in CRITERIA
        ],
        "scale": SCALE,
        "instructions": dict(
            sorted((key.texts[item], text) for item, text in key.instructions.items())
        ),
        "check": CHECK,
        "sounds": {token: f"{AUDIO_FOLDER}/{token}.mp3" for token in sorted([*key.sounds, CHECK])},
        "participants": {each: _sheet(key, each) for each in key.participants},
    }


def _sheet(key: Key, participant: str) -> list[dict[str, Any]]:
    """One participant's trials in order."""
    return [
        {
            "trial": token,
            "block": trial.block,
            "instruction": key.texts[key.sounds[trial.sound].item],
            "sound": trial.sound,
        }
        for token, trial in key.trials_of(participant).items()
    ]


def _carried(token: str, file: bytes) -> str:
    text = base64.b64encode(file).decode("ascii")
    return f'<script type="text/plain" id="sound-{token}">{text}</script>'


def _asset(name: str) -> str:
    path = files("audiostory.evaluate.listening") / "assets" / name
    return path.read_text(encoding="utf-8")
