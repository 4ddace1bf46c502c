from __future__ import annotations

import pytest
import torch

from audiostory.evaluate.scale_check import compare_scales, convention_of

SCALE = 10.0


def drawn(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(5, 4, 16, generator=generator)


def noisy(features_BSD: torch.Tensor, times: float) -> torch.Tensor:
    """What a head that learned ``times`` the features says of them: not exactly that."""
    return times * (features_BSD + 0.3 * drawn(9))


@pytest.mark.parametrize(("times", "divides"), [(10.0, "once"), (100.0, "twice")])
def test_the_scale_that_tokens_have_says_how_often_to_divide(times, divides):
    report = compare_scales(noisy(drawn(0), times), drawn(0), feature_scale=SCALE)
    assert report.divides == divides
    assert report.ratio == pytest.approx(times, rel=0.2)
    assert report.cosine > 0.9
    assert report.num_captions == 5


@pytest.mark.parametrize("times", [10.0, 100.0])
def test_tokens_that_have_nothing_to_do_with_the_features_tell_no_scale(times):
    report = compare_scales(times * drawn(1), drawn(0), feature_scale=SCALE)
    assert report.divides == "unclear"
    assert abs(report.cosine) < 0.3
    assert "is this the text encoder" in report.lines[1]


@pytest.mark.parametrize("times", [1.0, 3.0, 31.0, 1000.0])
def test_a_ratio_that_is_no_power_of_the_scale_tells_none(times):
    report = compare_scales(times * drawn(0), drawn(0), feature_scale=SCALE)
    assert report.divides == "unclear"


def test_a_scale_of_one_divides_once():
    report = compare_scales(drawn(0), drawn(0), feature_scale=1.0)
    assert report.divides == "once"


def test_half_precision_overflows_nothing():
    report = compare_scales((1000 * drawn(0)).half(), (100 * drawn(0)).half(), feature_scale=SCALE)
    assert report.divides == "once"
    assert report.ratio == pytest.approx(10.0, rel=0.01)


@pytest.mark.parametrize("tokens_BSD", [torch.zeros(5, 4, 16), torch.full((5, 4, 16), torch.nan)])
def test_tokens_without_a_norm_are_unclear(tokens_BSD):
    assert compare_scales(tokens_BSD, drawn(0), feature_scale=SCALE).divides == "unclear"


@pytest.mark.parametrize(
    ("ratio", "meaning"),
    [(5.1, "once"), (19.9, "once"), (21.0, "unclear"), (51.0, "twice"), (199.0, "twice")],
)
def test_a_ratio_counts_up_to_a_factor_of_two(ratio, meaning):
    assert convention_of(ratio, 0.9, SCALE) == meaning


def test_between_close_scales_the_nearer_one_is_meant():
    assert convention_of(2.1, 0.9, 2.0) == "once"
    assert convention_of(3.6, 0.9, 2.0) == "twice"


def test_the_report_is_told_in_words_that_say_what_to_do():
    once = compare_scales(10 * drawn(0), drawn(0), feature_scale=SCALE).lines
    twice = compare_scales(100 * drawn(0), drawn(0), feature_scale=SCALE).lines
    assert once[0] == (
        "semantic tokens of 5 captions: 10 times the norm of their text features, cosine 1.00"
    )
    assert "one division by 10" in once[1]
    assert "two divisions by 10" in twice[1]
    assert "--divides twice" in twice[1]
