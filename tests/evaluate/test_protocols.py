from dataclasses import replace

import numpy as np
import pytest

from audiostory.audio.waveform import Waveform
from audiostory.errors import MeasureError
from audiostory.evaluate.encoders.catalogue import ENCODERS
from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.protocols import (
    PAPER_COMPAT,
    PROTOCOLS,
    STANDARD,
    Measurement,
    Preparation,
    QualityProtocol,
    build_metric,
)
from tests.evaluate.tracks import features, noise, tone

EVERY = [each for protocol in PROTOCOLS.values() for each in protocol.measurements]


def card(name):
    return EncoderCard(
        name=name,
        checkpoint="tiny",
        digest="0" * 12,
        sample_rate_hz=16_000,
        window_s=1.0,
        hop_s=1.0,
        dimension=26,
    )


@pytest.mark.parametrize("measurement", EVERY, ids=lambda each: each.key)
def test_every_measurement_names_an_encoder_that_can_be_built(measurement):
    assert measurement.encoder in ENCODERS


@pytest.mark.parametrize("measurement", EVERY, ids=lambda each: each.key)
def test_every_measurement_becomes_a_metric_that_measures(measurement):
    metric = build_metric(measurement, card(measurement.encoder))
    if measurement.kind == "clap":
        assert metric is None
        return
    rng = np.random.default_rng(0)
    own, reference = (
        [features(rng.standard_normal((2, 26)), rng.uniform(size=(2, 5))) for _ in range(4)]
        for _ in range(2)
    )
    assert np.isfinite(metric.value(own, reference))
    assert (metric.column.key, metric.column.title) == (measurement.key, measurement.title)
    assert metric.encoder == measurement.encoder


def test_a_key_means_the_same_number_in_every_protocol():
    alike = {}
    for each in EVERY:
        same = replace(each, remark="")
        assert alike.setdefault(each.key, same) == same


def test_the_papers_fd_pools_layers_and_ours_items():
    (ours,) = (each for each in STANDARD.measurements if each.key == "fd")
    (theirs,) = (each for each in PAPER_COMPAT.measurements if each.key == "fd_mert")
    assert build_metric(ours, card("cnn14-32k")).pooling == "items"
    assert build_metric(theirs, card("mert")).pooling == "layers"


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_a_protocol_renders_as_a_table_with_a_row_for_each_column(protocol):
    page = protocol.markdown()
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert page.startswith(f"### {protocol.name}\n")
    assert len(table) == 2 + len(protocol.measurements)
    assert len({line.count("|") - 2 * line.count(r"\|") for line in table}) == 1
    assert all(f"- {note}" in page for note in protocol.notes)


def test_bars_in_a_cell_do_not_split_it():
    protocol = QualityProtocol(
        name="bars",
        summary="",
        measurements=(
            Measurement(key="a", title="A", kind="frechet", encoder="vggish", remark="p || q"),
        ),
    )
    assert r"p \|\| q" in protocol.markdown()


def test_an_untouched_track_is_heard_as_it_is():
    track = noise(0.5)
    assert np.array_equal(Preparation()(track).samples, track.samples)
    assert Preparation().described == "as it is"


def test_the_first_channel_alone_is_heard_where_a_toolkit_does_so():
    left, right = tone(0.5, 440.0), tone(0.5, 880.0)
    stereo = Waveform(np.concatenate([left.samples, right.samples]), left.sample_rate_hz)
    heard = Preparation(channels="first")(stereo)
    assert np.array_equal(heard.samples, left.samples)


def test_a_track_is_centred_brought_through_a_rate_and_filled_up():
    preparation = Preparation(is_centred=True, through_hz=8_000, shortest_s=2.0)
    track = tone(1.0, 6_000.0)
    heard = preparation(Waveform(track.samples + np.float32(0.25), track.sample_rate_hz))
    assert heard.sample_rate_hz == 8_000
    assert heard.duration_s == pytest.approx(2.0)
    middle = heard.samples[0, 1_000:7_000]
    assert abs(middle.mean()) < 1e-3
    assert np.abs(middle).max() < 0.02
    assert preparation.described == "mean taken off, through 8 kHz, silence up to 2 s"


def test_a_longer_track_is_not_cut():
    assert Preparation(shortest_s=2.0)(tone(3.0)).duration_s == pytest.approx(3.0)


def test_the_paper_heard_first_channels_through_16_khz():
    assert PAPER_COMPAT.preparations["mert"] == Preparation(
        channels="first", is_centred=True, through_hz=16_000, shortest_s=2.0
    )
    assert set(STANDARD.preparations.values()) == {Preparation()}


def test_an_encoder_that_would_hear_a_track_in_two_ways_is_refused():
    one = Measurement(key="a", title="A", kind="frechet", encoder="vggish")
    other = replace(one, key="b", preparation=Preparation(channels="first"))
    with pytest.raises(MeasureError, match="two ways"):
        QualityProtocol(name="torn", summary="", measurements=(one, other))


def test_two_columns_cannot_share_a_key():
    one = Measurement(key="a", title="A", kind="frechet", encoder="vggish")
    with pytest.raises(MeasureError, match="share a key"):
        QualityProtocol(name="torn", summary="", measurements=(one, one))
