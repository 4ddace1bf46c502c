from __future__ import annotations

import pytest
import torch

from audiostory.generate.decoding import Line, SlotWriter, is_stammered, looping
from audiostory.generate.transcript import Sampling, Transcript, Vocabulary
from audiostory.story.clauses import stems
from audiostory.story.coverage import Coverage
from audiostory.story.format import parse, render
from audiostory.story.grammar import Fixed, GrammarLimits, Number, Words, story_slots
from audiostory.story.tokens import clean_field
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer

TOKENS = tiny_config().tokens


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def vocabulary():
    return Vocabulary(tiny_tokenizer(), tiny_config().llm.vocab_size)


def writer_for(model, vocabulary, *, temperature=0.0, seed=0, fallback="rain"):
    transcript = Transcript(model.llm)
    transcript.push(vocabulary.tokenizer.encode("Rain falls."))
    rng = torch.Generator().manual_seed(seed)
    sampling = Sampling(temperature=temperature)
    return SlotWriter(transcript, vocabulary, sampling=sampling, rng=rng, fallback=fallback)


def one_slot(slot):
    """A grammar of a single slot."""
    return (yield slot)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("total_s", [1.0, 9.9, 30.0])
def test_whatever_the_model_thinks_the_story_is_well_formed(model, vocabulary, seed, total_s):
    limits = GrammarLimits(max_words_tokens=5)
    writer = writer_for(model, vocabulary, temperature=3.0, seed=seed)
    story = writer.write(story_slots(total_s, tokens=TOKENS, limits=limits))
    assert parse(render(story, TOKENS)) == story
    assert story.duration_s == pytest.approx(total_s)
    assert story.storyline.events[-1].end_s == pytest.approx(total_s)


def test_the_same_generator_writes_the_same_story_and_another_writes_another(model, vocabulary):
    def told(seed):
        slots = story_slots(5.0, tokens=TOKENS, limits=GrammarLimits(max_words_tokens=3))
        return writer_for(model, vocabulary, temperature=2.0, seed=seed).write(slots)

    assert told(1) == told(1)
    assert told(1) != told(2)


def test_greedy_stories_do_not_depend_on_the_seed(model, vocabulary):
    def told(seed):
        slots = story_slots(20.0, tokens=TOKENS, limits=GrammarLimits(max_words_tokens=3))
        return writer_for(model, vocabulary, seed=seed).write(slots)

    assert told(1) == told(2)


@pytest.mark.parametrize("choices", [("1", "10", "12"), ("0.5", "10.0", "10.5", "9.9"), ("3",)])
def test_a_number_is_one_of_its_choices(model, vocabulary, choices):
    seen = set()
    for seed in range(30):
        writer = writer_for(model, vocabulary, temperature=5.0, seed=seed)
        seen.add(writer.write(one_slot(Number("n", choices))))
    assert seen <= set(choices)


def test_a_number_that_could_go_on_may_also_end(model, vocabulary):
    newline = vocabulary.tokenizer.token_id("\n")
    seen = set()
    for seed in range(60):
        writer = writer_for(model, vocabulary, temperature=5.0, seed=seed)
        writer.vocabulary = Vocabulary(vocabulary.tokenizer, tiny_config().llm.vocab_size)
        writer.vocabulary.is_number_V[:] = True
        writer.vocabulary.is_number_V[newline] = False  # the one token that can end the number
        seen.add(writer.write(one_slot(Number("n", ("1", "10")))))
    assert seen == {"1", "10"}


def test_words_are_one_clean_line_however_hot_the_sampling(model, vocabulary):
    for seed in range(20):
        writer = writer_for(model, vocabulary, temperature=50.0, seed=seed)
        words = writer.write(one_slot(Words("caption", 12)))
        assert words
        assert clean_field(words) == words


def test_words_cut_at_their_limit_are_noted(model, vocabulary):
    writer = writer_for(model, vocabulary)
    writer.vocabulary = Vocabulary(vocabulary.tokenizer, tiny_config().llm.vocab_size)
    writer.vocabulary.is_ender_V[:] = False  # a model that never comes to an end
    writer.write(one_slot(Words("caption", 3)))
    assert "caption: cut after 3 tokens" in writer.repairs


def test_words_end_where_the_model_goes_on_to_the_next_line(model, vocabulary):
    writer = writer_for(model, vocabulary)
    writer.vocabulary = Vocabulary(vocabulary.tokenizer, tiny_config().llm.vocab_size)
    only_a = vocabulary.tokenizer.token_id("A")
    writer.vocabulary.is_word_V[:] = False
    writer.vocabulary.is_first_word_V[:] = False
    writer.vocabulary.is_first_word_V[only_a] = True
    assert writer.write(one_slot(Words("caption", 9))) == "A"
    assert not writer.repairs
    assert writer.transcript.ids[-1] == only_a  # what ended the words is left to the next slot


def test_bytes_that_make_no_character_are_left_out_and_said(model, vocabulary):
    writer = writer_for(model, vocabulary, fallback="a dog barks")
    writer.vocabulary = Vocabulary(vocabulary.tokenizer, tiny_config().llm.vocab_size)
    half = vocabulary.tokenizer.encode("é")[0]
    assert vocabulary.tokenizer.decode([half]) == "\ufffd"
    for mask_V in (writer.vocabulary.is_word_V, writer.vocabulary.is_first_word_V):
        mask_V[:] = False
        mask_V[half] = True
    writer.vocabulary.is_ender_V[:] = False
    assert writer.write(one_slot(Words("caption", 2))) == "a dog barks"
    assert any("no words written" in repair for repair in writer.repairs)


def test_blanks_at_the_end_of_a_line_are_taken_back_from_the_transcript(model, vocabulary):
    writer = writer_for(model, vocabulary)
    encode, start = vocabulary.tokenizer.encode, len(writer.transcript.ids)
    words, blanks = encode("A dog"), encode(" ") * 2
    line = Line(ids=[*words, *blanks])
    writer.transcript.push(line.ids)
    writer.transcript.next_logits()  # the model's memory has the blanks too
    writer._drop_blanks(line, start)
    assert line.ids == words
    assert writer.transcript.ids[start:] == words
    fresh = writer_for(model, vocabulary)
    fresh.transcript.push(words)
    for each in (writer, fresh):
        each.transcript.push(encode(TOKENS.timestamp_open))
    torch.testing.assert_close(writer.transcript.next_logits(), fresh.transcript.next_logits())


def test_blanks_within_a_line_stay(model, vocabulary):
    writer = writer_for(model, vocabulary)
    start = len(writer.transcript.ids)
    line = Line(ids=vocabulary.tokenizer.encode("A  dog"))
    writer.transcript.push(line.ids)
    writer._drop_blanks(line, start)
    assert vocabulary.tokenizer.decode(line.ids) == "A  dog"
    assert writer.transcript.ids[start:] == line.ids


def test_a_line_that_ends_in_a_blank_is_followed_by_what_comes_next_alone(model, vocabulary):
    writer = writer_for(model, vocabulary)
    writer.vocabulary = Vocabulary(vocabulary.tokenizer, tiny_config().llm.vocab_size)
    only_a, blank = (vocabulary.tokenizer.encode(text)[0] for text in ("A", " "))
    writer.vocabulary.is_first_word_V[:] = False
    writer.vocabulary.is_first_word_V[only_a] = True
    writer.vocabulary.is_word_V[:] = False
    writer.vocabulary.is_word_V[blank] = True
    writer.vocabulary.is_ender_V[:] = False
    assert writer.write(one_slot(Words("caption", 3))) == "A"
    assert writer.transcript.ids[-1] == only_a


def test_known_words_are_fed_instead_of_written(model, vocabulary):
    writer = writer_for(model, vocabulary)
    writer.given = {"summary": "A storm passes."}
    assert writer.write(one_slot(Words("summary", 9))) == "A storm passes."
    assert vocabulary.tokenizer.decode(writer.transcript.ids).endswith("A storm passes.")


def test_fixed_text_is_fed_in_one_forward(model, vocabulary, monkeypatch):
    fed = []
    writer = writer_for(model, vocabulary)
    read = writer.transcript.memory.read
    monkeypatch.setattr(
        writer.transcript.memory, "read", lambda ids: fed.append(len(ids[0])) or read(ids)
    )

    def slots():
        yield Fixed("The story can be divided into ")
        return (yield Number("n", ("2", "3")))

    writer.write(slots())
    assert len(fed) == 1
    assert fed[0] == len(writer.transcript.ids) - 1  # the number's digit needs no forward


def test_an_event_is_not_told_twice_in_the_same_words(model, vocabulary):
    def told(*, is_distinct):
        writer = writer_for(model, vocabulary)
        start = len(writer.transcript.ids)
        lines = []
        for _ in range(3):
            lines.append(writer.write(one_slot(Words("detail", 4, is_distinct=is_distinct))))
            assert vocabulary.tokenizer.decode(writer.transcript.ids[start:]).strip() == lines[-1]
            writer.transcript.rewind(start - 1)  # so that the model would say the same again
            writer.transcript.push(vocabulary.tokenizer.encode("."))
        return lines

    assert len(set(told(is_distinct=False))) == 1
    assert len(set(told(is_distinct=True))) == 3


def test_an_event_tells_what_is_left_of_the_instruction_if_the_model_can(model, vocabulary):
    def told(instruction):
        writer = writer_for(model, vocabulary)
        writer.coverage = Coverage(instruction)
        return writer.write(one_slot(Words("detail", 1, is_distinct=True)))

    greedy = told("")
    transcript = writer_for(model, vocabulary).transcript
    scores_V = transcript.next_logits().masked_fill(~vocabulary.is_first_word_V, -torch.inf)
    words = [vocabulary.tokenizer.decode([int(token)]) for token in scores_V.topk(12).indices]
    other = next(word for word in words[1:] if len(stems(word)) == 1 and word.isalpha())
    assert stems(other)[0] not in stems(greedy)
    assert stems(other)[0] in stems(told(other))


def test_what_an_event_does_not_tell_is_told_in_the_words_of_the_instruction(model, vocabulary):
    writer = writer_for(model, vocabulary)
    writer.coverage, writer.keeps_words = Coverage("then a zorb hums: loudly, a quux"), True
    limits = GrammarLimits(max_words_tokens=24)
    start = len(writer.transcript.ids)
    story = writer.write(story_slots(6.0, tokens=TOKENS, limits=limits))
    captions = [clip.caption for clip in story.clips]
    assert any("a zorb hums" in caption.lower() for caption in captions)
    assert any("a quux" in caption.lower() for caption in captions)
    assert writer.repairs[-1].endswith("events told in the instruction's own words")
    written = vocabulary.tokenizer.decode(writer.transcript.ids[start:])
    assert written.lower().count("a zorb hums") == render(story, TOKENS).lower().count(
        "a zorb hums"
    )


def test_words_that_find_no_room_are_said(model, vocabulary):
    writer = writer_for(model, vocabulary)
    writer.coverage, writer.keeps_words = Coverage("a zorb hums, a quux and a baz"), True
    writer.coverage.divide(1)
    length = len(vocabulary.tokenizer.encode_plain("A zorb hums, a quux"))
    slot = Words("caption", length, 0, is_heard=True)
    assert writer.write(one_slot(slot)) == "A zorb hums, a quux"
    assert "caption: no room for 'a baz'" in writer.repairs


def test_a_line_may_say_a_thing_three_times_and_then_goes_on():
    assert looping([]) == looping([4]) == looping([4, 4]) == []
    assert looping([4, 4, 4]) == [4]
    assert looping([1, 2, 3, 7, 1, 2]) == [3]
    assert looping([1, 2, 3, 1, 2, 5, 1, 2]) == [3, 5]


def test_words_never_loop(model, vocabulary):
    for seed in range(5):
        writer = writer_for(model, vocabulary, seed=seed)
        start = len(writer.transcript.ids)
        writer.write(one_slot(Words("caption", 40)))
        ids = writer.transcript.ids[start:]
        triples = list(zip(ids, ids[1:], ids[2:], strict=False))
        assert len(triples) == len(set(triples))


def test_only_events_tell_a_summary_does_not(model, vocabulary):
    writer = writer_for(model, vocabulary)
    writer.given = {"summary": "A zorb hums."}
    writer.coverage = Coverage("a zorb hums")
    writer.write(one_slot(Words("summary", 6)))
    assert writer.coverage.left("summary", 0) == {"zorb", "hum"}


def test_a_word_that_nobody_asked_for_and_no_vocabulary_has_is_garbled(model, vocabulary):
    writer = writer_for(model, vocabulary)
    writer.coverage = Coverage("a zzyzx hums")
    known = next(
        word
        for index in range(vocabulary.tokenizer.vocab_size)
        if (word := vocabulary.tokenizer.decode([index])).startswith(" ") and word[1:].isalpha()
    )
    assert not writer._is_garbled(f"A zzyzx humming{known}")
    assert writer._is_garbled("A zzyzx qqxyq")


def test_a_word_said_over_and_over_is_a_stammer():
    assert not is_stammered("")
    assert not is_stammered("Oink, oink, oink says the pig")
    assert is_stammered("Rain rain raining rained")
