import math
import sys
from collections import Counter

import pytest

from audiostory.errors import MeasureError
from audiostory.evaluate.understanding import captions
from audiostory.evaluate.understanding.captions import (
    CIDER,
    COLUMNS,
    SPICE,
    CaptionPair,
    cider_score,
    num_silent,
    pairs_of,
    score_captions,
    spider_score,
)
from audiostory.evaluate.understanding.jars import find_java
from audiostory.evaluate.understanding.score import mean_score, missing_score

needs_java = pytest.mark.skipif(find_java() is None, reason="no Java here")
REFERENCES = {
    "a": ["a dog barks at a passing car", "a dog is barking loudly"],
    "b": ["rain falls on a tin roof", "heavy rain on a roof"],
    "c": ["a man speaks while a car passes", "a man is speaking"],
}


def grams(text, size):
    words = text.split()
    return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))


def cider_d(candidates, references):
    """Eq. 1 to 3 of Vedantam et al. with the clipping and length penalty of Sec. 8, times 10."""
    found = {}
    for name, candidate in candidates.items():
        per_size = []
        for size in range(1, 5):
            documents = [set().union(*(grams(r, size) for r in of)) for of in references.values()]

            def weights(text, size=size, documents=documents):
                return {
                    gram: count
                    * math.log(len(documents) / max(1, sum(gram in each for each in documents)))
                    for gram, count in grams(text, size).items()
                }

            own = weights(candidate)
            per_reference = []
            for text in references[name]:
                other = weights(text)
                dot = sum(min(own[g], other.get(g, 0)) * other.get(g, 0) for g in own)
                norms = math.hypot(*own.values()) * math.hypot(*other.values())
                gap = len(candidate.split()) - len(text.split())
                penalty = math.exp(-(gap**2) / (2 * 6.0**2))
                per_reference.append(penalty * dot / norms if norms else 0.0)
            per_size.append(sum(per_reference) / len(per_reference))
        found[name] = 10 * sum(per_size) / 4
    return found


def listed(candidates):
    return {name: [text] for name, text in candidates.items()}


@pytest.mark.parametrize(
    "candidates",
    [
        {"a": "a dog barks at a car", "b": "rain on a roof", "c": "a dog is speaking"},
        {"a": "dog dog dog dog", "b": "heavy rain falls on a tin roof at night", "c": "a man"},
        {"a": "", "b": "music", "c": "a man is speaking"},
    ],
)
def test_cider_is_what_the_papers_formula_gives_times_100(candidates):
    score = cider_score(listed(candidates), REFERENCES)
    expected = [100 * one for one in cider_d(candidates, REFERENCES).values()]
    assert list(score.per_item) == pytest.approx(expected)
    assert score.value == pytest.approx(sum(expected) / 3)
    assert "x 100" in score.column.detail


def test_cider_of_captions_that_are_their_only_reference_is_1000():
    own = {"a": "a dog barks at night", "b": "rain falls on a roof"}
    assert cider_score(listed(own), listed(own)).value == pytest.approx(1_000)


def test_cider_does_not_depend_on_the_order_of_items():
    candidates = {"a": "a dog barks", "b": "rain on a roof", "c": "a man speaks"}
    turned = dict(reversed(candidates.items()))
    forth = cider_score(listed(candidates), REFERENCES)
    back = cider_score(listed(turned), dict(reversed(REFERENCES.items())))
    assert forth.per_item == pytest.approx(back.per_item[::-1])


def test_cider_of_a_single_recording_is_missing_and_not_zero():
    score = cider_score({"a": ["a dog barks"]}, {"a": ["a dog barks"]})
    assert score.value is None
    assert "single recording" in score.missing


def test_spider_is_the_mean_of_cider_and_spice_item_by_item():
    both = spider_score(mean_score(CIDER, [10.0, 30.0]), mean_score(SPICE, [20.0, 0.0]))
    assert both.per_item == (15.0, 15.0)
    assert both.value == 15.0
    interval = both.interval()
    assert interval is not None
    assert interval.low == interval.high == 15.0


def test_spider_is_missing_where_either_part_is_and_says_why():
    score = spider_score(mean_score(CIDER, [10.0]), missing_score(SPICE, "no CoreNLP"))
    assert score.value is None
    assert "no CoreNLP" in score.missing


def test_captions_stand_beside_their_references_in_the_references_order():
    pairs = pairs_of({"b": "rain", "a": "dog"}, {"a": ("a dog",), "b": ("it rains",)})
    assert [(one.id, one.candidate, one.references) for one in pairs] == [
        ("a", "dog", ("a dog",)),
        ("b", "rain", ("it rains",)),
    ]


@pytest.mark.parametrize(
    ("candidates", "said"),
    [
        ({"a": "dog"}, r"1 items have no caption \(b\), 0 captions no item"),
        ({"a": "dog", "b": "rain", "c": "wind"}, r"0 items .*1 captions no item \(c\)"),
    ],
)
def test_captions_of_other_items_are_refused(candidates, said):
    with pytest.raises(MeasureError, match=said):
        pairs_of(candidates, {"a": ("a dog",), "b": ("it rains",)})


def pair(name="a", candidate="a dog", references=("a dog barks",)):
    return CaptionPair(id=name, candidate=candidate, references=references)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([], "no captions to measure"),
        ([pair(), pair()], "two captions are of 'a'"),
        ([pair(), pair("b", references=())], "'b' has no reference"),
        ([pair(), pair("b", references=("rain", " ..."))], "a reference of 'b' has no words"),
    ],
)
def test_what_cannot_be_compared_is_refused(pairs, said):
    with pytest.raises(MeasureError, match=said):
        score_captions(pairs, java=None)


def test_without_java_every_column_is_missing_and_says_what_to_install():
    scores = score_captions([pair()], java=None)
    assert [one.column for one in scores] == list(COLUMNS)
    assert all(one.value is None and "install a Java" in one.missing for one in scores)


def test_a_java_that_does_not_run_leaves_every_column_missing_with_what_it_said(tmp_path):
    path = tmp_path / "java"
    path.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no such JVM')\n")
    path.chmod(0o755)
    scores = score_captions([pair()], java=path)
    assert all(one.value is None and "no such JVM" in one.missing for one in scores)


def test_captions_without_words_are_counted():
    assert num_silent([pair(), pair("b", ""), pair("c", " ... "), pair("d", "雨")]) == 2


def test_meteor_of_resampled_items_is_that_of_their_summed_counts(monkeypatch):
    none = (0.0,) * 4
    half = (4.0, 4.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, *none, *none, *none, 1.0, 2.0, 2.0)
    nothing = (8.0, 8.0, 0.0, 0.0, *none, *none, *none, *none, 0.0, 0.0, 0.0)
    monkeypatch.setattr(captions, "meteor_alignments", lambda *_, **__: [half, nothing])
    score = captions.meteor_score({}, {}, java=None)
    assert score.resampled is not None
    assert score.resampled([0, 0]) == pytest.approx(score.per_item[0])
    assert score.resampled([1, 1]) == 0.0
    assert score.resampled([0, 1]) == pytest.approx(score.value)
    assert score.value != pytest.approx(sum(score.per_item) / 2)


@pytest.mark.slow
@needs_java
def test_real_captions_are_scored_from_end_to_end():
    pairs = [
        pair("a", "A dog barks loudly!", ("a dog barks loudly", "a hound bays")),
        pair("b", "Rain falls on the tin roof.", ("Heavy rain on a metal roof",)),
        pair("c", "", ("a café with people – talking",)),
    ]
    cider, meteor, spice, spider = score_captions(pairs, java=find_java())
    assert cider.per_item[0] > cider.per_item[1] > cider.per_item[2] == 0.0
    assert meteor.per_item[0] == 100.0  # the better of the two references, word by word
    assert 0 < meteor.per_item[1] < 100
    assert meteor.per_item[2] == 0.0
    assert meteor.interval() is not None
    if spice.value is None:
        assert "stanford-corenlp-3.6.0.jar" in spice.missing
        assert "stanford-corenlp-3.6.0.jar" in spider.missing
