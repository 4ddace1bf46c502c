from __future__ import annotations

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from audiostory.errors import ConfigError, CorpusError, ShapeError
from audiostory.models.targets import PooledSpans, build_target, span_means
from tests.models.test_text_encoder import encoder

CAPTIONS = ("rain falls on a tin roof", "dog", "a dog on a roof", "rain")


def features(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("length", [1, 3, 4, 7, 8, 13])
def test_spans_are_those_of_adaptive_pooling(length):
    row_1LD = features(1, length, 5)
    padded_1LD = functional.pad(row_1LD, (0, 0, 0, 3), value=torch.inf)
    mask_1L = torch.arange(length + 3)[None] < length
    expected_1DS = functional.adaptive_avg_pool1d(row_1LD.transpose(1, 2), 4)
    assert_close(span_means(padded_1LD, mask_1L, 4), expected_1DS.transpose(1, 2))


def test_spans_need_padding_on_the_right():
    for mask in ([[False, True]], [[False, False]]):
        with pytest.raises(ShapeError, match="padded on the right"):
            span_means(features(1, 2, 3), torch.tensor(mask), 2)


def test_pooled_spans_are_standardised_over_the_captions_of_fit():
    target = PooledSpans(encoder(), 3)
    target.fit(CAPTIONS, batch_size=3)
    spans_XD = target(CAPTIONS).flatten(0, 1)
    assert spans_XD.shape == (12, 8)
    assert_close(spans_XD.mean(dim=0), torch.zeros(8), rtol=0, atol=1e-4)
    assert_close(spans_XD.std(dim=0, unbiased=False), torch.ones(8), rtol=0, atol=1e-3)


def test_a_dead_dimension_is_not_blown_up():
    teacher = encoder()
    teacher.network.encoder.final_layer_norm.weight[0] = 1e-9
    target = PooledSpans(teacher, 3)
    target.fit(CAPTIONS)
    spans_XD = target(CAPTIONS).flatten(0, 1)
    assert spans_XD[:, 0].abs().max() < 1e-3
    assert spans_XD[:, 1:].abs().max() > 1


def test_a_captions_spans_do_not_depend_on_its_neighbours():
    target = PooledSpans(encoder(), 3)
    target.fit(CAPTIONS)
    assert_close(target(CAPTIONS)[1:2], target(["dog"]), rtol=1e-4, atol=1e-5)


def test_pooled_spans_want_to_be_fitted_first():
    target = PooledSpans(encoder(), 3)
    with pytest.raises(CorpusError, match="call fit"):
        target(CAPTIONS)
    with pytest.raises(CorpusError, match="no captions"):
        target.fit([])


def test_padded_tokens_are_the_encoders_first_positions():
    target = build_target("padded_tokens", encoder(), 4)
    features_BLD, _ = encoder().features(CAPTIONS)
    targets_BSD = target(CAPTIONS)
    assert targets_BSD.shape == (4, 4, 8)
    assert_close(targets_BSD[0], features_BLD[0, :4])
    assert target(["dog"]).shape == (1, 4, 8)


def test_an_unknown_target_is_told_what_there_is():
    with pytest.raises(ConfigError, match="padded_tokens, pooled_spans"):
        build_target("whisper", encoder(), 4)
