import pytest
import torch

from audiostory.errors import MeasureError
from audiostory.evaluate.embedded.words import learn_words
from tests.evaluate.embedded.small import WORDS, words


def test_a_text_is_the_mean_of_its_words():
    own = words()
    expected = own.vectors[[WORDS.index("a"), WORDS.index("bell")]].mean(dim=0)
    assert torch.allclose(own(["a bell"])[0], expected)


def test_texts_do_not_change_each_other():
    own = words()
    assert torch.allclose(own(["rain falls", "a bell rings"])[0], own(["rain falls"])[0])


def test_a_text_without_words_is_refused():
    with pytest.raises(MeasureError, match="no words"):
        words()(["rain", "  "])


def test_texts_come_to_lie_to_each_other_as_the_teacher_has_them():
    own = words()
    texts = ["a bell", "bell rings", "rain falls", "a toy"]
    taught = torch.tensor([[1.0, 0.1], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    unseen = own.vectors[WORDS.index("take")].clone()
    learn_words(own, texts, taught, steps=1_500, batch=16, seed=0)
    learnt = torch.nn.functional.normalize(own(texts), dim=1).detach()
    assert float(learnt[0] @ learnt[1]) > 0.7
    assert float(learnt[0] @ learnt[2]) < 0.4
    assert float(learnt[0] @ learnt[3]) < -0.4
    assert torch.equal(own.vectors[WORDS.index("take")], unseen)
