from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audiostory.apps.systems import SystemOptions, SystemSpec, build_system, parse_system
from audiostory.baselines import planners, tangoflux, windowed
from audiostory.baselines.fingerprints import digest_of_files
from audiostory.baselines.windowed import WindowedConfig
from audiostory.data.sets.catalogue import SHIPPED
from audiostory.data.sets.item import ItemSet
from audiostory.errors import CheckpointError, ConfigError, MeasureError, OutputError
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.models.flow import FlowConfig
from audiostory.models.model_folder import save_pretrained
from tests.baselines.test_planned_story import ASKED, STORY
from tests.baselines.tiny_tangoflux import tiny_tangoflux
from tests.evaluate.sounds import write_corpus
from tests.evaluate.tracks import item
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer

SET = ItemSet(
    name="storms",
    version="1",
    items=(replace(item("a"), instruction=ASKED, story=STORY),),
    has_references=False,
)


@pytest.mark.parametrize(
    ("text", "planner", "model", "location", "name"),
    [
        ("nano", None, "nano", None, "nano"),
        ("captions+nano", "captions", "nano", None, "captions+nano"),
        ("llm+tangoflux=/w/TangoFlux", "llm", "tangoflux", "/w/TangoFlux", "llm+tangoflux"),
        ("/models/mine", None, "/models/mine", None, "mine"),
        ("captions+mine=/w", "captions", "mine", "/w", "captions+mine"),
        ("noise", None, "noise", None, "noise"),
        ("reference", None, "reference", None, "reference"),
        ("/runs/lr=1e-4/a+b", None, "/runs/lr=1e-4/a+b", None, "a+b"),
        ("codi=python a.py --x=1+1", None, "codi", "python a.py --x=1+1", "codi"),
    ],
)
def test_a_name_is_taken_apart(text, planner, model, location, name):
    spec = parse_system(text)
    assert spec == SystemSpec(model=model, planner=planner, location=location)
    assert spec.name == name


@pytest.mark.parametrize(
    "text",
    [
        *("", "=x", "captions+", "+nano", "guess+nano", "captions+reference"),
        *("direct+tangoflux-windowed", "mine=", "mine=guess+nano", "mine=reference"),
        *("reference=/w", ".", "/runs/..", "/runs/report", "judge=nano", "reference=nano"),
    ],
)
def test_names_that_mean_nothing_are_refused(text):
    with pytest.raises(ConfigError):
        parse_system(text)


@pytest.mark.parametrize(
    ("text", "planner", "model", "location"),
    [
        ("first=/run1/checkpoint", None, "/run1/checkpoint", None),
        ("first=/run1/lr=1/checkpoint", None, "/run1/lr=1/checkpoint", None),
        ("first=captions+/run1/checkpoint", "captions", "/run1/checkpoint", None),
        ("first=tangoflux=/a", None, "tangoflux", "/a"),
        ("first=llm+tangoflux=/a", "llm", "tangoflux", "/a"),
    ],
)
def test_two_of_one_name_stand_side_by_side_under_names_of_their_own(
    text, planner, model, location
):
    spec = parse_system(text)
    assert spec == SystemSpec(model=model, planner=planner, location=location, label="first")
    assert spec.name == "first"


def test_a_name_that_is_a_folder_of_the_benchmark_is_told_the_way_out():
    with pytest.raises(ConfigError, match=r"called 'report'.*NAME=/runs/report"):
        parse_system("/runs/report")


def test_noise_is_asked_with_the_plan_of_the_truth():
    system = build_system(parse_system("noise"), SET, SystemOptions())
    waveform, plan = system.answer(SET.items[0])
    assert waveform.duration_s == pytest.approx(5.0, abs=0.01)
    assert [clip.caption for clip in plan.clips] == ["wind", "rain"]
    assert system.card.system == "captions+noise"
    assert not system.card.has_own_plan


def test_the_same_system_answers_alike():
    answers = [
        build_system(parse_system("noise"), SET, SystemOptions()).answer(SET.items[0])[0].samples
        for _ in range(2)
    ]
    assert np.array_equal(*answers)


def test_retrieval_pastes_clips_of_the_corpus_that_the_shipped_set_is_mixed_from(tmp_path):
    options = SystemOptions(corpus=write_corpus(tmp_path, per_split=6))
    shipped = replace(SET, name=SHIPPED)
    waveform, _ = build_system(parse_system("retrieval"), shipped, options).answer(SET.items[0])
    assert np.abs(waveform.samples).max() > 0


def test_retrieval_takes_no_folder_of_another_set_for_a_corpus(tmp_path):
    corpus = write_corpus(tmp_path, per_split=6)
    options = SystemOptions(corpus=corpus)
    with pytest.raises(CheckpointError, match="retrieval needs the folder of a corpus"):
        build_system(parse_system("retrieval"), SET, options)
    assert build_system(parse_system(f"retrieval={corpus}"), SET, options).card.fingerprint


def test_windows_of_tangoflux_sound_the_plan_of_the_truth_as_one_track(monkeypatch, tmp_path):
    short = WindowedConfig(overlap_s=0.2, flow=FlowConfig(steps=2))
    monkeypatch.setattr(windowed, "WindowedConfig", lambda: short)
    monkeypatch.setattr(tangoflux, "load_tangoflux", lambda folder, **options: tiny_tangoflux())
    spec = parse_system(f"tangoflux-windowed={tmp_path}")
    system = build_system(spec, SET, SystemOptions())
    waveform, plan = system.answer(SET.items[0])
    assert waveform.duration_s == pytest.approx(5.0, abs=0.01)
    assert [clip.caption for clip in plan.clips] == ["wind", "rain"]
    assert plan.settings.overlap_s == 0.2
    assert system.card.system == "captions+tangoflux-windowed"
    assert system.card.described == (
        f"TangoFlux, windowed (weights {digest_of_files(tmp_path)} in float32), captions and "
        "durations of the truth"
    )
    assert system.card.max_duration_s is None


PLAIN = replace(SET, name="plain", items=(replace(SET.items[0], story=None),))
"""A set without stories, as AudioCaps and Clotho are."""


def test_a_set_without_stories_is_asked_through_its_whole_instructions():
    system = build_system(parse_system("noise"), PLAIN, SystemOptions())
    waveform, plan = system.answer(PLAIN.items[0])
    assert system.card.system == "direct+noise"
    assert waveform.duration_s == pytest.approx(PLAIN.items[0].instruction.duration_s)
    assert plan is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("captions+noise", r"plain has no stories.*ask for direct\+noise"),
        ("captions+nano", r"plain has no stories.*ask for direct\+nano"),
        ("tangoflux-windowed=/w", r"ask for llm\+tangoflux-windowed"),
    ],
)
def test_captions_of_a_set_without_stories_are_refused_before_anything_is_loaded(text, told):
    with pytest.raises(ConfigError, match=told):
        build_system(parse_system(text), PLAIN, SystemOptions())


def card(text, **options):
    return build_system(parse_system(text), SET, SystemOptions(**options)).card


def differ(one, other):
    """Whether a run of the one refuses to go on with the other, and says how they differ."""
    return one.fingerprint != other.fingerprint and one.described != other.described


def test_programs_are_told_apart_by_their_words():
    one = card("direct+make-an-audio=true a")
    assert differ(one, card("direct+make-an-audio=true b"))
    assert differ(one, card("direct+make-an-audio=http://127.0.0.1:1/x"))
    assert one == card("direct+make-an-audio=true a")
    with pytest.raises(ConfigError, match="holds a password"):
        card("codi=http://me:secret@127.0.0.1:1/x")


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Folders whose files differ only in what is in them."""
    load = lambda folder, **options: tiny_tangoflux()  # noqa: E731
    monkeypatch.setattr(tangoflux, "load_tangoflux", load)
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(name.encode())
    return tmp_path


def test_weights_are_told_apart_by_what_is_in_them_and_not_by_where_they_lie(weights):
    one = card(f"tangoflux={weights / 'a'}")
    assert differ(one, card(f"tangoflux={weights / 'b'}"))
    assert differ(one, card(f"tangoflux={weights / 'a'}", dtype="bfloat16"))
    (weights / "a").rename(weights / "moved")
    assert one == card(f"tangoflux={weights / 'moved'}")


def test_a_run_of_other_weights_does_not_go_on_in_the_same_folder(weights, tmp_path):
    folder = RunFolder(tmp_path / "run")
    one, other = (card(f"tangoflux={weights / name}") for name in "ab")
    folder.open(one, SET.items)
    folder.open(one, SET.items)
    with pytest.raises(OutputError, match=digest_of_files(weights / "b")):
        folder.open(other, SET.items)


def test_chat_models_are_told_apart_and_reports_name_them():
    one = card("llm+noise", chat="openai:good@http://127.0.0.1:1/v1")
    assert differ(one, card("llm+noise", chat="openai:bad@http://127.0.0.1:1/v1"))
    assert differ(one, card("llm+noise", chat="openai:good@http://127.0.0.1:2/v1"))
    assert "planned by openai:good@http://127.0.0.1:1/v1, prompt " in one.described


def test_another_prompt_is_another_system(monkeypatch):
    chat = "openai:good@http://127.0.0.1:1/v1"
    one = card("llm+noise", chat=chat)
    monkeypatch.setattr(planners, "system_prompt", lambda: "Plan briefly.")
    assert differ(one, card("llm+noise", chat=chat))


def test_audiostory_is_told_apart_by_the_type_of_its_weights():
    assert differ(card("nano"), card("nano", dtype="bfloat16"))
    assert card("nano") == card("nano", dtype="float32")
    with pytest.raises(ConfigError, match="no type 'floaty'"):
        card("nano", dtype="floaty")


def test_the_card_of_a_tuned_model_says_whose_taste_it_learnt(tmp_path):
    taste = ("clap aaaaaaaaaaaa",)
    tuned = tiny_model(config=replace(tiny_config(), preferred_by=taste))
    save_pretrained(tuned, tiny_tokenizer(), tmp_path / "tuned")
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "plain")
    assert card(str(tmp_path / "tuned")).preferred_by == taste
    assert card(str(tmp_path / "plain")).preferred_by == ()


@pytest.mark.parametrize("text", ["noise", "nano", "captions+nano"])
def test_a_chat_model_that_would_not_be_asked_is_refused(text):
    with pytest.raises(ConfigError, match="asks no chat model: leave --chat out"):
        card(text, chat="openai:good@http://127.0.0.1:1/v1")


def test_a_type_of_weights_that_are_not_there_is_refused():
    with pytest.raises(ConfigError, match="no weights of noise are loaded here"):
        card("noise", dtype="bfloat16")


def test_what_is_missing_is_named():
    with pytest.raises(CheckpointError, match="tangoflux needs"):
        build_system(parse_system("tangoflux"), SET, SystemOptions())
    with pytest.raises(CheckpointError, match="tangoflux-windowed needs"):
        build_system(parse_system("tangoflux-windowed"), SET, SystemOptions())
    with pytest.raises(CheckpointError, match="hf download"):
        build_system(parse_system("tangoflux-windowed=/nowhere"), SET, SystemOptions())
    with pytest.raises(ConfigError, match="--chat"):
        build_system(parse_system("llm+noise"), SET, SystemOptions())
    with pytest.raises(MeasureError, match="--corpus"):
        build_system(parse_system("reference"), SET, SystemOptions())
    with pytest.raises(CheckpointError, match="no model 'nanu'"):
        build_system(parse_system("nanu"), SET, SystemOptions())


def test_a_folder_of_weights_is_called_by_its_last_name():
    assert parse_system(str(Path("/runs/best"))).name == "best"
