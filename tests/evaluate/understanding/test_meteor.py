import numpy as np
import pytest

from audiostory.evaluate.understanding.meteor import meteor_of, meteor_of_items


def counts(lengths, functions, exact=(0, 0, 0, 0), synonyms=(0, 0, 0, 0), end=(0, 0, 0)):
    none = (0, 0, 0, 0)
    return [*lengths, *functions, *exact, *none, *synonyms, *none, *end]


PERFECT = counts((4, 4), (1, 1), (3, 3, 1, 1), end=(1, 4, 4))
NOTHING = counts((2, 4), (0, 1))
SILENT = counts((0, 4), (0, 1))
HALF = counts((4, 4), (0, 0), (2, 2, 0, 0), end=(1, 2, 2))


def of_items(*rows):
    return meteor_of_items(np.array(rows, dtype=np.float64)).tolist()


def of_set(*rows):
    return meteor_of(np.array(rows, dtype=np.float64))


def test_a_caption_that_is_its_reference_scores_one_without_a_penalty():
    assert of_items(PERFECT) == [1.0]


def test_a_caption_without_a_match_or_without_a_word_scores_nothing():
    assert of_items(NOTHING, SILENT) == [0.0, 0.0]


def test_half_of_the_words_in_one_piece_score_by_the_papers_formula():
    precision = recall = 0.5
    mean = precision * recall / (0.85 * precision + 0.15 * recall)
    assert of_items(HALF) == [pytest.approx(mean * (1 - 0.6 * (1 / 2) ** 0.2))]


def test_a_synonym_is_worth_less_than_the_word_and_function_words_less_than_others():
    word = counts((2, 2), (0, 0), (1, 1, 0, 0), end=(1, 1, 1))
    synonym = counts((2, 2), (0, 0), synonyms=(1, 1, 0, 0), end=(1, 1, 1))
    function = counts((2, 2), (1, 1), (0, 0, 1, 1), end=(1, 1, 1))
    exact, alike, small = of_items(word, synonym, function)
    assert alike == pytest.approx(0.8 * exact)
    assert 0 < small < exact


def test_recall_counts_for_more_than_precision():
    long_caption = counts((4, 2), (0, 0), (2, 2, 0, 0), end=(1, 2, 2))
    short_caption = counts((2, 4), (0, 0), (2, 2, 0, 0), end=(1, 2, 2))
    thorough, brief = of_items(long_caption, short_caption)
    assert thorough > brief


def test_a_set_of_one_scores_as_its_item_and_repeating_it_changes_nothing():
    for row in (PERFECT, HALF, NOTHING):
        assert of_set(row) == pytest.approx(of_items(row)[0])
        assert of_set(row, row, row) == pytest.approx(of_set(row))


def test_a_set_is_scored_by_summed_counts_and_not_by_the_mean_of_its_items():
    long = counts((40, 40), (0, 0), (20, 20, 0, 0), end=(1, 20, 20))
    assert of_set(long, NOTHING) != pytest.approx(np.mean(of_items(long, NOTHING)), rel=0.05)
