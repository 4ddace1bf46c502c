"""A recipe in one go: passed over, gone on with, checked before its first step."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from audiostory.curate.compose import compose_stories
from audiostory.errors import CheckpointError, CorpusError, TrainingError
from audiostory.models.audiostory import SIZES
from audiostory.models.model_folder import from_pretrained, save_pretrained
from audiostory.train import course as course_module
from audiostory.train.course import Course, Leg
from audiostory.train.execution import Execution
from audiostory.train.paths import Paths
from audiostory.train.recipes.catalogue import stages_in
from tests.curate.ranking import ranked
from tests.tiny import TINY_EARS, tiny_config, tiny_model, tiny_tokenizer
from tests.train.test_workbench import paths

__all__ = ["paths"]
NAMES = ("nano/codec", "nano/llm", "nano/dit")


def course(paths: Paths, names: tuple[str, ...] = NAMES, steps: int = 2) -> Course:
    legs = [
        Leg(stage=stage, config=tiny_config())
        for name in names
        for stage in stages_in(name, steps=steps, batch_size=2)
    ]
    return Course("nano", legs, paths)


def states(made: Course, **how: object) -> list[tuple[int, str]]:
    return [(place.number, place.state) for place in made.run(**how)]  # pyright: ignore


def test_stages_are_run_in_their_order_and_passed_over_when_they_have_ended(paths: Paths) -> None:
    made = course(paths)
    assert states(made) == [(n, state) for n in (1, 2, 3) for state in ("begins", "ended")]
    written = {name: (paths.run(name) / "weights.safetensors").stat().st_mtime_ns for name in NAMES}
    assert states(made) == [(1, "had ended"), (2, "had ended"), (3, "had ended")]
    for name, at in written.items():
        assert (paths.run(name) / "weights.safetensors").stat().st_mtime_ns == at


def test_a_course_out_of_time_stops_and_goes_on_where_it_was(paths: Paths) -> None:
    made = course(paths)
    brief = Execution(stop_after_s=0.0)
    assert states(made, execution=brief) == [(1, "begins"), (1, "stopped")]
    assert [leg.stage.name for leg in made.remaining] == list(NAMES)
    assert states(made)[:2] == [(1, "begins"), (1, "ended")]
    assert made.remaining == []


def test_time_is_counted_over_all_stages(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float | None] = []

    class Bench:
        def __init__(self, config: object, paths: Paths) -> None:
            pass

        def train(self, stage: object, *, execution: Execution, watchers: object) -> Path:
            limits.append(execution.stop_after_s)
            return Path("weights")

    clock = iter(range(0, 1000, 40))
    monkeypatch.setattr(course_module, "Workbench", Bench)
    monkeypatch.setattr(course_module.time, "monotonic", lambda: float(next(clock)))
    states(course(paths), execution=Execution(stop_after_s=100.0))
    assert limits == [60.0, 0.0, 0.0]
    limits.clear()
    states(course(paths))
    assert limits == [None] * 3


def test_a_stage_of_another_length_in_the_folder_is_refused(paths: Paths) -> None:
    states(course(paths, NAMES[:1]))
    with pytest.raises(TrainingError, match="steps is 2 there and 3 here.*fresh --runs"):
        course(paths, NAMES[:1], steps=3).check()


def test_a_stage_without_its_checkpoints_has_still_ended(paths: Paths) -> None:
    made = course(paths, NAMES[:1])
    states(made)
    for each in paths.run(NAMES[0]).glob("checkpoint-*"):
        shutil.rmtree(each)
    assert states(made) == [(1, "had ended")]


def test_a_stage_whose_weights_are_gone_is_taken_up_again(paths: Paths) -> None:
    made = course(paths, NAMES[:1])
    states(made)
    (paths.run(NAMES[0]) / "weights.safetensors").unlink()
    assert states(made) == [(1, "begins"), (1, "ended")]


def test_a_damaged_note_names_the_folder_to_remove(paths: Paths) -> None:
    made = course(paths, NAMES[:1])
    states(made)
    (paths.run(NAMES[0]) / "stage.json").write_text('{"name": ')
    with pytest.raises(CheckpointError, match=r"stage\.json is damaged .* remove .*codec"):
        made.check()


def test_epochs_are_told_by_the_run_that_counted_them(paths: Paths) -> None:
    made = course(paths, NAMES[:1])
    stage = replace(made.legs[0].stage, steps=0, epochs=0.5)
    legs = [replace(made.legs[0], stage=stage)]
    made = replace(made, legs=legs)
    assert states(made) == [(1, "begins"), (1, "ended")]
    assert json.loads((paths.run(NAMES[0]) / "stage.json").read_text())["steps"] > 0
    assert states(made) == [(1, "had ended")]


def test_all_that_the_stages_lack_is_told_at_once(tmp_path: Path) -> None:
    hearing = ("nano/codec", "miniature/stage2", "miniature/stage3")
    whole = course(Paths(runs=tmp_path / "runs"), hearing)
    with pytest.raises(TrainingError) as told:
        whole.check()
    assert "miniature/stage2, miniature/stage3: 'tiny' has no ears" in str(told.value)
    assert "give --corpus, --teacher, --stories" in str(told.value)
    assert not (tmp_path / "runs").exists()


def test_wrong_materials_of_late_stages_are_told_before_the_first(
    paths: Paths, tmp_path: Path
) -> None:
    late = course(paths, ("nano/codec", "nano/stage1-stories", "nano/stage3"))
    late = replace(late, paths=replace(paths, teacher=tmp_path))
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        late.check()
    compose_stories(tmp_path / "words.jsonl", 3, 0, None)
    with pytest.raises(CorpusError, match="no story with sounds: compose some with --corpus"):
        replace(late, paths=replace(late.paths, stories=tmp_path / "words.jsonl")).check()
    texts = course(paths, ("nano/llm",))
    with pytest.raises(CorpusError, match="no stories at"):
        replace(texts, paths=replace(paths, stories=tmp_path / "none.jsonl")).check()
    with pytest.raises(CorpusError):
        replace(course(paths, NAMES[:1]), paths=replace(paths, corpus=tmp_path)).check()


def test_pairs_and_a_foundation_that_do_not_fit_are_told_before_the_first(tmp_path: Path) -> None:
    folder, runs = tmp_path / "foundation", tmp_path / "runs"
    save_pretrained(tiny_model(), tiny_tokenizer(), folder)
    (tuned,) = stages_in("tangoflux", steps=2, batch_size=2)
    leg = Leg(stage=tuned, config=tiny_config())
    with pytest.raises(TrainingError, match="tangoflux cannot run: give --foundation, --pairs"):
        Course("tangoflux", [leg], Paths(runs=runs)).check()
    given = Paths(runs=runs, foundation=folder, pairs=tmp_path / "none")
    with pytest.raises(TrainingError, match="holds a 'tiny' of other sizes than 'nano'"):
        Course("tangoflux", [replace(leg, config=SIZES["nano"])], given).check()
    with pytest.raises(CorpusError, match="none"):
        Course("tangoflux", [leg], given).check()
    assert not runs.exists()


def test_a_stage_that_was_named_by_its_data_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "foundation"
    save_pretrained(tiny_model(), tiny_tokenizer(), folder)
    pairs = ranked(tmp_path / "pairs", from_pretrained(folder))
    (tuned,) = stages_in("tangoflux", steps=1, batch_size=2)
    given = Paths(runs=tmp_path / "runs", foundation=folder, pairs=pairs)
    made = Course("tangoflux", [Leg(stage=tuned, config=tiny_config())], given)
    brief = Execution(bf16=False)
    assert states(made, execution=brief) == [(1, "begins"), (1, "ended")]
    assert states(made, execution=brief) == [(1, "had ended")]


def test_what_has_ended_needs_nothing_any_more(paths: Paths) -> None:
    made = course(paths, NAMES[:1])
    states(made)
    replace(made, paths=Paths(runs=paths.runs)).check()


def test_a_course_that_hears_is_run_with_ears(paths: Paths) -> None:
    (stage,) = stages_in("miniature/stage3", steps=2, batch_size=2)
    hearing = replace(tiny_config(), audio_encoder=TINY_EARS)
    legs = [Leg(stage=replace(stage, starts_from=()), config=hearing)]
    assert states(Course("miniature", legs, paths)) == [(1, "begins"), (1, "ended")]
