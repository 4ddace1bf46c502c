"""The benchmark orders obvious cases rightly: the truth above a poor copy above noise."""

from dataclasses import replace

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.data.sets.item import ItemSet, NamedSound
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.results import ReportConfig, read_results
from audiostory.evaluate.benchmark.run import answer_items, measure_items, reference_answers
from audiostory.evaluate.benchmark.suite import Suite
from audiostory.evaluate.clap_score import ClapScore
from audiostory.evaluate.encoders.encoder import EncoderCard, Features, windows_of
from audiostory.evaluate.narrative.coverage import CoverageMetric
from audiostory.evaluate.narrative.grounding import Activity
from audiostory.evaluate.quality import FrechetDistance
from audiostory.story.types import Clip, Event, Story, Storyline
from tests.evaluate.benchmark.systems import run_card
from tests.evaluate.tracks import item, noise, tone

PITCHES_HZ = {"low": 300.0, "middle": 900.0, "high": 2_500.0}
ORDERS = [
    ("low", "middle", "high"),
    ("high", "low", "middle"),
    ("middle", "high", "low"),
    ("low", "high", "middle"),
    ("middle", "low", "high"),
    ("high", "middle", "low"),
]
EAR = EncoderCard(
    name="pitch",
    checkpoint="three bands",
    digest="0" * 12,
    sample_rate_hz=16_000,
    window_s=0.25,
    hop_s=0.25,
    dimension=3,
)


def question(index, order):
    events = tuple(
        Event(start_s=float(at), end_s=at + 1.0, detail=kind, sounds=kind)
        for at, kind in enumerate(order)
    )
    sounds = tuple(
        NamedSound(text=kind, group=kind, event=at, start_s=float(at), end_s=at + 1.0)
        for at, kind in enumerate(order)
    )
    clips = tuple(Clip(caption=kind, duration_s=1.0) for kind in order)
    story = Story(storyline=Storyline(summary="tones", events=events), clips=clips)
    return item(f"q{index}", text=" then ".join(order), seed=index, story=story, sounds=sounds)


ITEMS = tuple(question(index, order) for index, order in enumerate(ORDERS))


def truth(one, order=None):
    kinds = order or [sound.group for sound in one.sounds]
    pieces = [tone(1.0, PITCHES_HZ[kind]).samples for kind in kinds]
    hiss = noise(3.0, one.seed).samples * 0.02
    return Waveform(np.concatenate(pieces, axis=1) + hiss, 16_000)


def poor(one):
    """Two of three sounds, in noise."""
    track = truth(one).samples.copy()
    track[:, 32_000:] = 0
    return Waveform(track + 0.6 * noise(3.0, 50 + one.seed).samples, 16_000), None


def shuffled(one):
    return truth(one, [sound.group for sound in reversed(one.sounds)]), None


SET = ItemSet(name="tones", version="1", items=ITEMS, reference_of=truth)


class Ear:
    card = EAR

    def hear(self, waveform):
        pieces, starts_s = windows_of(waveform, self.card)
        power = np.abs(np.fft.rfft(pieces, axis=1)) ** 2
        hertz = np.fft.rfftfreq(pieces.shape[1], 1 / 16_000)
        bands = [
            power[:, (hertz > f / 1.2) & (hertz < f * 1.2)].sum(1) for f in PITCHES_HZ.values()
        ]
        levels = np.stack(bands, axis=1) / power.sum(axis=1, keepdims=True)
        return Features(levels.astype(np.float32), starts_s, self.card.window_s)

    def read(self, texts):
        said = [[float(kind in text) for kind in PITCHES_HZ] for text in texts]
        rows = np.asarray(said, dtype=np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def hear_sounds(self, waveform, sounds):
        heard = self.hear(waveform).embeddings
        columns = [list(PITCHES_HZ).index(sound.group) for sound in sounds]
        return Activity(
            presence_QT=heard[:, columns].T,
            frames_per_s=4.0,
            thresholds_Q=np.full(len(sounds), 0.3, np.float32),
        )


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    ear = Ear()
    suite = Suite(
        encoders={"pitch": ear},
        item_metrics=(CoverageMetric(ear), ClapScore(card=EAR, read=ear.read)),
    )
    answers = {
        "reference": reference_answers(SET),
        "poor": poor,
        "noise": lambda one: (noise(3.0, 90 + one.seed), None),
        "shuffled": shuffled,
    }
    folders = []
    for name, answer in answers.items():
        folder = RunFolder(tmp_path_factory.mktemp("tones") / name)
        card = run_card(name, set_name="tones", is_reference=name == "reference")
        folder.open(replace(card, set_version="1"), ITEMS)
        list(answer_items(answer, ITEMS, folder))
        measure_items(suite, SET, folder)
        folders.append(folder)
    results = read_results(
        folders,
        folders[0],
        lambda card: (FrechetDistance(card=card, key="fad", title="FAD"),),
        ReportConfig(resamples=100),
    )
    return {one.card.system: one for one in results.systems}


@pytest.mark.parametrize(("key", "sign"), [("fad", -1), ("clap_events", 1), ("coverage", 1)])
def test_the_truth_is_above_a_poor_copy_above_noise(systems, key, sign):
    values = [sign * systems[name].cells[key].value for name in ("reference", "poor", "noise")]
    assert values[0] > values[1] > values[2]


def test_the_right_sounds_in_another_order_lose_their_order_and_place_only(systems):
    truth_, other = systems["reference"].cells, systems["shuffled"].cells
    assert truth_["order"].value == pytest.approx(1.0)
    assert other["order"].value == pytest.approx(-1.0)
    assert other["coverage"].value == pytest.approx(truth_["coverage"].value)
    assert other["coverage_in_place"].value < truth_["coverage_in_place"].value


def test_the_truth_is_at_no_distance_from_itself(systems):
    assert systems["reference"].cells["fad"].value == pytest.approx(0.0, abs=1e-9)
