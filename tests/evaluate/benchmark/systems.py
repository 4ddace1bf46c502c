"""Small systems, sets, encoders and metrics, for the tests of the benchmark."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from audiostory.audio.waveform import Waveform
from audiostory.data.sets.item import Item, ItemSet
from audiostory.errors import InstructionError
from audiostory.evaluate.benchmark.folder import RunCard
from audiostory.evaluate.benchmark.suite import Suite
from audiostory.evaluate.encoders.encoder import EncoderCard, Features, windows_of
from audiostory.evaluate.metric import Column, Subject
from audiostory.story.plan import Plan, PlanModel, PlanSettings, plan_of
from audiostory.story.types import Clip, Event, Instruction, Story, Storyline
from tests.evaluate.tracks import item, noise

ITEMS = tuple(
    item(
        f"item-{index}",
        text=f"rain falls {index}",
        seed=index,
        stratum="easy" if index < 3 else "hard",
    )
    for index in range(6)
)
SET = ItemSet(
    name="rains", version="1", items=ITEMS, reference_of=lambda one: noise(2.0, 100 + one.seed)
)
EAR = EncoderCard(
    name="ear",
    checkpoint="ear.pt",
    digest="0" * 12,
    sample_rate_hz=16_000,
    window_s=0.5,
    hop_s=0.5,
    dimension=2,
    labels=("soft", "loud"),
)


def plan() -> Plan:
    event = Event(start_s=0.0, end_s=2.0, detail="rain", sounds="rain")
    story = Story(
        storyline=Storyline(summary="rain", events=(event,)),
        clips=(Clip(caption="rain", duration_s=2.0),),
    )
    return plan_of(
        story,
        Instruction(text="rain"),
        duration_s=2.0,
        seed=1,
        model=PlanModel(name="small"),
        settings=PlanSettings(),
    )


def run_card(system: str = "noise", **fields) -> RunCard:
    given = {"described": f"{system} of the tests", "set_name": "rains", "set_version": "1"}
    return RunCard(system=system, **(given | fields))


@dataclass
class NoiseSystem:
    """Answers with noise; refuses what it is told to."""

    gain: float = 1.0
    refused: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    def __call__(self, one: Item):
        self.asked.append(one.id)
        if one.id in self.refused:
            raise InstructionError("rain is not in my power: ask for sun")
        made = noise(2.0, one.seed)
        return Waveform((made.samples * self.gain).astype(np.float32), 16_000), None


@dataclass
class Ear:
    """Hears the level and the brightness of windows."""

    card: EncoderCard = EAR
    heard: int = 0

    def hear(self, waveform: Waveform) -> Features:
        self.heard += 1
        pieces, starts_s = windows_of(waveform, self.card)
        level = np.sqrt((pieces**2).mean(axis=1))
        brightness = np.abs(np.diff(pieces, axis=1)).mean(axis=1)
        loud = np.clip(level * 5, 0.01, 0.99)
        return Features(
            np.stack([level, brightness], axis=1).astype(np.float32),
            starts_s,
            self.card.window_s,
            np.stack([1 - loud, loud], axis=1).astype(np.float32),
        )


@dataclass
class Peak:
    """Scores the peak of a track; tracks of some items have no score."""

    without: tuple[str, ...] = ()
    measured: list[str] = field(default_factory=list)
    columns = (
        Column(key="peak", title="Peak", better="lower", section="narrative"),
        Column(key="level", title="Level", better="higher", section="narrative"),
    )

    def measure(self, subject: Subject) -> Mapping[str, float | None]:
        self.measured.append(subject.item.id)
        level = float(subject.features_of("ear").embeddings[:, 0].mean())
        if subject.item.id in self.without:
            return {"peak": None, "level": level}
        return {"peak": float(np.abs(subject.waveform.samples).max()), "level": level}


def suite(**fields) -> Suite:
    return Suite(**({"encoders": {"ear": Ear()}, "item_metrics": (Peak(),)} | fields))
