import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.quality import FrechetDistance, KernelDistance, pooled
from audiostory.evaluate.statistics.frechet import frechet_distance
from audiostory.evaluate.statistics.kernel import kernel_distance
from tests.evaluate.tracks import features

LAYERS = 13


def card(**fields):
    known = {"sample_rate_hz": 16_000, "window_s": 1.0, "hop_s": 1.0, "dimension": 3}
    named = {"name": "tiny", "checkpoint": "tiny-1", "digest": "0" * 12}
    return EncoderCard(**{**named, **known, **fields})


def tracks(seed, sizes, dimension=3, shift=0.0):
    rng = np.random.default_rng(seed)
    return [features(rng.standard_normal((size, dimension)) + shift) for size in sizes]


def frechet(**fields):
    return FrechetDistance(card=card(), key="fd", title="FD", **fields)


def test_pooling_windows_makes_each_a_sample_and_pooling_items_their_mean():
    own, reference = tracks(0, [2, 5, 1]), tracks(1, [3, 3, 4], shift=0.5)
    windows = [np.concatenate([each.embeddings for each in side]) for side in (own, reference)]
    means = [np.stack([each.embeddings.mean(0) for each in side]) for side in (own, reference)]
    assert frechet().value(own, reference) == pytest.approx(frechet_distance(*windows).value)
    by_item = frechet(pooling="items").value(own, reference)
    assert by_item == pytest.approx(frechet_distance(*means).value, rel=1e-5)
    assert by_item != pytest.approx(frechet().value(own, reference), rel=0.05)


def test_pooling_layers_makes_each_of_merts_layers_a_sample():
    rows = np.arange(2 * LAYERS * 2, dtype=np.float32).reshape(2, LAYERS * 2)
    (samples,) = pooled([features(rows)], "layers")
    assert samples.shape == (LAYERS, 2)
    assert samples[1].tolist() == rows.mean(axis=0)[2:4].tolist()
    with pytest.raises(MeasureError, match="MERT"):
        pooled([features([[1.0, 2.0]])], "layers")


def test_what_is_pooled_and_heard_stands_in_the_column():
    column = frechet(pooling="items").column
    assert column.key == "fd"
    assert column.better == "lower"
    assert "one an item" in column.detail
    assert "tiny-1 000000000000, 16 kHz mono (mean)" in column.detail
    assert "all windows" in frechet().column.detail


def test_numbers_of_the_embedded_encoder_stand_apart():
    metric = KernelDistance(card=card(is_embedded=True), key="kad", title="KAD")
    assert metric.column.section == "embedded"
    assert frechet().column.section == "quality"


@pytest.mark.parametrize("pooling", ["windows", "items"])
@pytest.mark.parametrize("kind", [FrechetDistance, KernelDistance])
def test_a_draw_of_each_item_once_is_the_value(kind, pooling):
    metric = kind(card=card(), key="d", title="D", pooling=pooling)
    own, reference = tracks(2, [3, 2, 4, 1]), tracks(3, [2, 2, 3, 3])
    draw = metric.prepared(own, reference)
    assert draw(np.arange(4)) == pytest.approx(metric.value(own, reference))
    assert draw(np.array([3, 1, 0, 2])) == pytest.approx(metric.value(own, reference))
    assert draw(np.array([0, 0, 1, 2])) != pytest.approx(metric.value(own, reference))


def test_the_kernel_distance_is_that_of_the_pooled_samples():
    own, reference = tracks(4, [2, 3, 2]), tracks(5, [2, 1, 2], shift=1.0)
    metric = KernelDistance(card=card(), key="kad", title="KAD", pooling="windows")
    windows = [np.concatenate([each.embeddings for each in side]) for side in (own, reference)]
    assert metric.value(own, reference) == pytest.approx(kernel_distance(*windows), rel=1e-5)


def test_few_samples_are_told_with_the_distance():
    few = frechet(pooling="items").summary(tracks(6, [4, 4]), tracks(7, [4, 4]))
    assert (few.num_own, few.num_reference, few.dimension) == (2, 2, 3)
    assert "2 samples of 3 dimensions" in few.warning
    many = frechet().summary(tracks(6, [4, 4]), tracks(7, [5, 4]))
    assert (many.num_own, many.num_reference, many.warning) == (8, 9, "")


def test_a_set_without_its_references_is_refused():
    with pytest.raises(MeasureError, match="one reference a track"):
        frechet().value(tracks(8, [2, 2]), tracks(9, [2]))


def test_metrics_name_the_encoder_they_take_features_of():
    assert frechet().encoder == "tiny"


def test_the_distance_at_infinity_lies_below_that_of_few_samples():
    own, reference = tracks(10, [10] * 12), tracks(11, [60] * 12)
    found = frechet().at_infinity(own, reference, smallest=20)
    assert found.value < frechet().value(own, reference)
    assert found.sizes[-1] == 120
    assert frechet().at_infinity(own, reference).sizes[0] == 4
