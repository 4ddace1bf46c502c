import pytest
import torch

from audiostory.evaluate.embedded.detector import FeatureScale, pooled
from tests.evaluate.embedded.small import DETECTOR, detector, hearing
from tests.evaluate.tracks import noise


def test_every_moment_gets_an_answer():
    moments = hearing()(noise(3.0))
    presence_KG, embedding_KW = detector().presence(moments)
    assert presence_KG.shape == (len(moments), len(DETECTOR.groups))
    assert embedding_KW.shape == (len(moments), DETECTOR.width)
    assert 0 <= float(presence_KG.min()) <= float(presence_KG.max()) <= 1


def test_only_the_moments_beside_count():
    features = torch.rand(1, 9, DETECTOR.feature_width, generator=torch.Generator().manual_seed(0))
    changed = features.clone()
    changed[:, 6:] = 0.0
    before, after = (detector()(each)[0] for each in (features, changed))
    assert torch.allclose(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5], after[:, 5])


def test_before_it_learns_every_kind_is_unlikely():
    presence_KG, _ = detector().presence(hearing()(noise(3.0)))
    assert float(presence_KG.max()) < 0.3


def test_features_are_scaled_to_a_mean_of_zero():
    features = torch.rand(500, 4, generator=torch.Generator().manual_seed(0)) * 3
    scale = FeatureScale(4)
    scale.fit(features, least=0.0)
    scaled = scale(features)
    assert torch.allclose(scaled.mean(0), torch.zeros(4), atol=1e-5)
    assert torch.allclose(scaled.std(0), torch.ones(4), atol=1e-5)


def test_pooling_weighs_moments_by_themselves():
    assert pooled(torch.tensor([[0.9], [0.0], [0.0]])).item() == pytest.approx(0.9)
    assert pooled(torch.tensor([[0.6], [0.2]])).item() == pytest.approx(0.5)
