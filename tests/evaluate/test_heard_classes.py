import numpy as np
import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.encoders.encoder import EncoderCard
from audiostory.evaluate.heard_classes import Classes, EmbeddingKl, InceptionScore, KlDivergence
from audiostory.evaluate.statistics.divergence import kl_of_pairs, softmax
from tests.evaluate.tracks import features

LAYERS = 13
CARD = EncoderCard(
    name="tiny",
    checkpoint="tiny-1",
    digest="0" * 12,
    sample_rate_hz=16_000,
    window_s=1.0,
    hop_s=1.0,
    dimension=3,
)


def taggings(seed, sizes, classes=4):
    rng = np.random.default_rng(seed)
    return [
        features(np.ones((size, 2)), 1 / (1 + np.exp(-rng.standard_normal((size, classes)))))
        for size in sizes
    ]


def kl(**fields):
    return KlDivergence(card=CARD, key="kl", title="KL", **fields)


def one_tagging(logits):
    return [features(np.ones((len(logits), 2)), 1 / (1 + np.exp(-np.asarray(logits, float))))]


def test_the_reference_weighs_the_divergence_and_logits_go_through_a_softmax():
    own, reference = [[1.0, -2.0, 0.5]], [[0.0, 3.0, -1.0]]
    expected = kl_of_pairs(softmax(reference), softmax(own))[0]
    found = kl().value(one_tagging(own), one_tagging(reference))
    assert found == pytest.approx(expected, rel=1e-5)
    other = kl(weighted_by="own").value(one_tagging(own), one_tagging(reference))
    assert other == pytest.approx(kl_of_pairs(softmax(own), softmax(reference))[0], rel=1e-5)
    assert "KL(reference || own)" in kl().column.detail
    assert "KL(own || reference)" in kl(weighted_by="own").column.detail


def test_windows_are_averaged_as_probabilities_or_as_logits():
    windows, reference = [[4.0, 0.0], [0.0, 1.0]], [[0.0, 0.0]]
    own = one_tagging(windows)
    of_means = kl_of_pairs(softmax(reference), softmax(windows).mean(0, keepdims=True))[0]
    of_logits = kl_of_pairs(softmax(reference), softmax([[2.0, 0.5]]))[0]
    assert kl().value(own, one_tagging(reference)) == pytest.approx(of_means, rel=1e-5)
    found = kl(classes=Classes(mean_of="logits")).value(own, one_tagging(reference))
    assert found == pytest.approx(of_logits, rel=1e-5)


def test_sigmoid_outputs_are_compared_as_they_are():
    own, reference = [features([[1.0]], [[0.4, 0.9]])], [features([[1.0]], [[0.8, 0.5]])]
    expected = 0.8 * np.log(0.8 / 0.400001) + 0.5 * np.log(0.5 / 0.900001)
    found = kl(classes=Classes(taken="sigmoid")).value(own, reference)
    assert found == pytest.approx(expected, rel=1e-5)


def test_an_encoder_that_gives_a_softmax_is_taken_at_its_word():
    own, reference = [features([[1.0]], [[0.2, 0.8]])], [features([[1.0]], [[0.5, 0.5]])]
    metric = kl(classes=Classes(given="softmax"))
    expected = kl_of_pairs([[0.5, 0.5]], [[0.2, 0.8]])[0]
    assert metric.value(own, reference) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(MeasureError, match="compare softmax outputs"):
        kl(classes=Classes(given="softmax", taken="sigmoid")).value(own, reference)


def test_divergences_of_drawn_items_are_averaged():
    own, reference = taggings(0, [2, 1, 3]), taggings(1, [1, 1, 2])
    draw = kl().prepared(own, reference)
    single = [draw(np.array([item])) for item in range(3)]
    assert kl().value(own, reference) == pytest.approx(np.mean(single))
    assert draw(np.array([2, 2, 0])) == pytest.approx((2 * single[2] + single[0]) / 3)


def test_an_encoder_without_classes_has_no_divergence():
    with pytest.raises(MeasureError, match="gives no class probabilities"):
        kl().value([features([[1.0]])], [features([[1.0]])])


def test_the_kl_of_the_mert_default_hears_the_first_rows_only():
    rng = np.random.default_rng(2)
    own, reference = ([features(rng.standard_normal((1, LAYERS * 3))) for _ in "ab"] for _ in "xy")
    metric = EmbeddingKl(card=CARD, key="kl_mert", title="KL")
    rows = [side[0].embeddings.reshape(LAYERS, 3)[:2] for side in (own, reference)]
    expected = kl_of_pairs(softmax(rows[1]), softmax(rows[0])).mean()
    assert metric.value(own, reference) == pytest.approx(expected)
    other = [own[0], features(rng.standard_normal((1, LAYERS * 3)))]
    assert metric.value(other, reference) == pytest.approx(expected)
    assert "explains the paper" in metric.column.detail


def inception(**fields):
    return InceptionScore(card=CARD, key="is", title="IS", **fields)


def test_tracks_that_are_heard_as_one_class_each_score_their_number():
    sure = [features([[1.0]], row[None]) for row in np.eye(3) * 0.999999 + 1e-9]
    assert inception().value(sure) == pytest.approx(3.0, rel=1e-3)
    assert inception().prepared(sure)(np.array([1, 1, 1])) == pytest.approx(1.0)


def test_the_inception_score_asks_for_no_references():
    assert not inception().needs_references
    assert kl().needs_references
    assert inception(splits=5).column.better == "higher"
    assert "5 split(s)" in inception(splits=5).column.detail
