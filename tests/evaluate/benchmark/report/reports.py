"""A small benchmark on disk with all that a report has to show, and a reader of its page."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from audiostory.audio.waveform import Waveform
from audiostory.data.sets.item import ItemSet
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.results import ReportConfig, Results, read_results
from audiostory.evaluate.benchmark.run import answer_items, measure_items, reference_answers
from audiostory.evaluate.benchmark.suite import Skipped
from audiostory.evaluate.quality import FrechetDistance
from audiostory.story.types import Instruction
from tests.evaluate.benchmark.systems import (
    EAR,
    ITEMS,
    SET,
    Ear,
    NoiseSystem,
    plan,
    run_card,
    suite,
)
from tests.evaluate.tracks import noise

HOSTILE = "</script><script>alert('rain')</script> & \"more\" <b>rain</b> \u2028 $css"
OURS = "ours + #1"
"""A system whose name has to be quoted in addresses."""

QUESTIONS = (
    replace(ITEMS[0], instruction=Instruction(text=HOSTILE, duration_s=2.0)),
    *ITEMS[1:],
)
QUESTION_SET: ItemSet = replace(SET, items=QUESTIONS)
LISTENER = Ear(card=replace(EAR, is_embedded=True))


def planned(item):
    return noise(2.0, item.seed), plan()


def brief(item):
    waveform, _ = NoiseSystem(gain=0.2, refused=("item-1",))(item)
    return Waveform(waveform.samples[:, :16_000], 16_000), None


def set_metrics_of(card):
    distance = FrechetDistance(card=card, key="embedded_fd", title="FD (embedded)")
    return (distance,)


def small_benchmark(root: Path, *, limit: int = 6) -> tuple[Results, dict[str, RunFolder]]:
    """Three systems; one refuses an item, one has plans, one is the references."""
    asked = replace(QUESTION_SET, items=QUESTIONS[:limit])
    systems = {
        OURS: (planned, {"described": "weights of <unknown> & more"}),
        "brief": (brief, {"max_duration_s": 1.0}),
        "reference": (reference_answers(asked), {"is_reference": True}),
    }
    skipped = (Skipped(metric="FD of papers", reason="name <a protocol>"),)
    folders = {name: RunFolder(root / name) for name in systems}
    for name, (answer, fields) in systems.items():
        card = run_card(name, **({"set_notes": ("A <note>.",)} | fields))
        folders[name].open(card, asked.items)
        list(answer_items(answer, asked.items, folders[name]))
        measures = suite(encoders={"ear": LISTENER}, skipped=skipped)
        measure_items(measures, asked, folders[name])
    return small_results(folders), folders


def small_results(folders: dict[str, RunFolder]) -> Results:
    """The numbers of folders."""
    config = ReportConfig(resamples=100)
    found = read_results(list(folders.values()), folders["reference"], set_metrics_of, config)
    embedded = [replace(c, section="embedded") if "fd" in c.key else c for c in found.columns]
    return replace(found, columns=tuple(embedded))


VOID = ("meta", "link", "br", "input")


class Reader(HTMLParser):
    """Tables as rows of texts by caption, and whether every element is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.titles: dict[str, str] = {}
        self.open: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self._title: str | None = None
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._rows, self._caption = [], ""
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th"):
            self._rows[-1].append("")
        self._title = dict(attrs).get("title")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data):
        if "caption" in self.open:
            self._caption += data
        elif self.open and any(tag in self.open for tag in ("td", "th")):
            self._rows[-1][-1] += f" {data}" if "small" in self.open else data
        if self._title is not None:
            self.titles[data] = self._title
            self._title = None
