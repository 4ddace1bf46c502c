import pytest
import torch

from audiostory.evaluate.embedded.moments import MOMENT_S
from tests.evaluate.embedded.small import TEXT_AUDIO, hearing, network
from tests.evaluate.tracks import noise, tone


def test_sounds_and_texts_are_unit_vectors_of_one_space():
    own = network()
    sounds, starts = own.windows(hearing()(noise(4.0)))
    texts = own.read(["rain falls", "a bell"])
    assert sounds.shape[1] == texts.shape[1] == TEXT_AUDIO.dimension
    assert torch.allclose(sounds.norm(dim=1), torch.ones(len(sounds)), atol=1e-5)
    assert torch.allclose(texts.norm(dim=1), torch.ones(2), atol=1e-5)
    assert starts.tolist()[:2] == pytest.approx([0.0, TEXT_AUDIO.hop * MOMENT_S])


def test_moments_that_are_not_heard_change_nothing():
    own = network()
    features = torch.rand(2, 5, TEXT_AUDIO.feature_width)
    heard = torch.tensor([[True, True, False, False, True]] * 2)
    changed = features.clone()
    changed[:, 2:4] = 50.0
    assert torch.allclose(own.hear(features, heard), own.hear(changed, heard), atol=1e-6)
    assert not torch.allclose(own.hear(features, heard), own.hear(features, ~heard), atol=1e-3)


def test_the_word_vectors_stay_as_they_are_while_the_rest_learns():
    learnt = [name for name, one in network().named_parameters() if one.requires_grad]
    assert learnt
    assert not any(name.startswith("words.") for name in learnt)


def test_a_short_sound_is_one_window_which_is_the_whole_of_it():
    own, moments = network(), hearing()(tone(0.05))
    vectors, _ = own.windows(moments)
    assert torch.equal(vectors[0], own.whole(moments))
    assert len(vectors) == 1
