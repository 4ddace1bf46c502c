"""The whole course in miniature: every stage runs, resumes, and ends in a model that loads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from audiostory.audio.waveform import Waveform
from audiostory.curate.compose import compose_stories
from audiostory.data.blocks import HEAD, BridgeContext, collate, lone_story, packed
from audiostory.data.sounds import SoundSampler
from audiostory.data.stories import IGNORED
from audiostory.errors import CheckpointError, OutputError, TrainingError
from audiostory.generate.answering import Answerer
from audiostory.models.audiostory import THREE_B, AudioStoryConfig
from audiostory.models.llm import LoraSettings
from audiostory.models.model_folder import Pretrained, from_pretrained, save_pretrained
from audiostory.story.tokens import SpecialTokens
from audiostory.train import materials as materials_module
from audiostory.train.execution import Execution
from audiostory.train.materials import LONE_DURATIONS_S, Materials
from audiostory.train.mixture import shares_of_steps
from audiostory.train.objective import read_blocks
from audiostory.train.paths import Paths
from audiostory.train.recipes.catalogue import stage
from audiostory.train.recipes.nano import NANO
from audiostory.train.stages import StageConfig
from audiostory.train.trainer import Trainer
from audiostory.train.workbench import Workbench, check_beginning
from tests.data.corpus import write_corpus
from tests.data.sets.files import write_text
from tests.data.understanding.files import write_clips
from tests.disk import disk_full
from tests.released_folder import write_tangoflux
from tests.tiny import TINY_EARS, tiny_config, tiny_model, tiny_tokenizer

FITTED = vars(Materials)["teacher"]
"""The teacher that the corpus is read for, where others take ``Teacher``."""
COURSE = tuple(
    stage.name for stage in NANO.stages if stage.size is None and stage.data != "preference_pairs"
)
"""The stages of the shipped model."""


class Teacher(torch.nn.Module):
    """Stands in for the text encoder's features, which need its weights."""

    is_kept = False

    def frozen(self) -> dict[str, Tensor]:
        return {"mean": self.mean_D, "deviation": self.deviation_D}

    def __init__(self) -> None:
        super().__init__()
        self.mean_D = torch.zeros(24)
        self.deviation_D = torch.ones(24)

    def forward(self, captions: list[str]) -> torch.Tensor:
        lengths = torch.tensor([len(caption) for caption in captions]).float()
        return (lengths[:, None, None] / 20 * torch.linspace(-1, 1, 24)).expand(-1, 4, -1)


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setattr(materials_module, "FIT_CLIPS", 8)
    monkeypatch.setattr(Materials, "teacher", Teacher())
    meanings = torch.randn(400, 24, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(Materials, "token_meanings", lambda materials: meanings)
    corpus = write_corpus(tmp_path / "corpus")
    stories = tmp_path / "stories.jsonl"
    compose_stories(stories, 40, 0, corpus)
    return Paths(runs=tmp_path / "runs", corpus=corpus, stories=stories)


def bench(paths: Paths) -> Workbench:
    return Workbench(tiny_config(), paths)


class Reaching:
    """Makes sure that some step has reached every parameter that learns."""

    def stepped(self, trainer: Trainer) -> None:
        pass

    def logged(self, row: Mapping[str, float]) -> None:
        pass

    def finished(self, trainer: Trainer) -> None:
        missed = [k for k, v in trainer.parameters.items() if not trainer.optimizer.state.get(v)]
        assert not missed, f"{trainer.stage.name} trains {missed} in vain"


def short(name: str, steps: int = 2) -> StageConfig:
    return stage(name, steps=steps, batch_size=2)


def test_the_course_ends_in_a_model_that_loads(paths: Paths, tmp_path: Path) -> None:
    for name in COURSE:
        weights = bench(paths).train(short(name), watchers=[Reaching()])
        assert weights is not None
        assert weights.exists()
    made = bench(paths)
    made.export(tmp_path / "model", stages=COURSE, dtype=torch.float32)
    loaded = from_pretrained(tmp_path / "model").model
    assert torch.equal(loaded.codec.axes_PC, made.model.codec.axes_PC)
    assert torch.equal(loaded.bridge.null_condition, made.model.bridge.null_condition)


def test_a_stage_trains_its_groups_and_nothing_else(paths: Paths) -> None:
    made = bench(paths)
    before = {name: value.clone() for name, value in made.model.named_parameters()}
    made.train(short("nano/codec"))
    changed = {k for k, v in made.model.named_parameters() if not torch.equal(v, before[k])}
    assert changed
    assert all(name.startswith("codec.") for name in changed)


@pytest.mark.parametrize("context", ["clip", "sequence"])
def test_stories_are_packed_as_the_model_reads_them(paths: Paths, context: BridgeContext) -> None:
    made = Workbench(replace(tiny_config(), bridge_context=context), paths)
    segments_BL = made.batches(short("nano/stage1-stories"))(0)["segments_BL"]
    assert bool(segments_BL.max() == HEAD) is (context == "sequence")


def test_the_dit_gets_used_to_what_the_bridge_says_of_each_wording(paths: Paths) -> None:
    made = bench(paths)
    materials = made.materials
    told = materials.bridged_features()
    last = len(materials.texts) - 1
    duration_s = LONE_DURATIONS_S[last % len(LONE_DURATIONS_S)]
    story = lone_story(materials.texts[last], duration_s)
    alone = collate([packed(story, materials.tokenizer, made.config.tokens)])
    with torch.no_grad():
        condition = made.model.bridge.fuse(read_blocks(made.model, alone))
    torch.testing.assert_close(told[-1:].float(), condition.tokens_BSD, atol=2e-3, rtol=2e-3)
    other = bench(paths)
    with torch.no_grad():
        other.model.llm.network.model.norm.weight.mul_(2)
    assert not torch.equal(other.materials.bridged_features(), told)


@pytest.mark.parametrize("name", ["nano/codec", "nano/dit"])
def test_whoever_runs_first_fits_the_encoder(paths: Paths, name: str) -> None:
    made = bench(paths)
    made.train(short(name))
    fitted = load_file(paths.run("codec") / "encoder.safetensors")["codec.axes_PC"]
    assert torch.equal(made.model.codec.axes_PC, fitted)
    assert not torch.equal(fitted, torch.eye(*fitted.shape))


class Remembering(Reaching):
    """What a run's averages and its last weights are when it ends."""

    def finished(self, trainer: Trainer) -> None:
        self.averages = {name: value.clone() for name, value in trainer.averaged.values.items()}
        self.last = {name: value.detach().clone() for name, value in trainer.parameters.items()}


def test_a_run_leaves_its_averages_not_its_last_weights(paths: Paths) -> None:
    ended = Remembering()
    weights = bench(paths).train(short("nano/codec"), watchers=[ended])
    assert weights is not None
    kept = load_file(weights)
    assert all(torch.equal(kept[name], value) for name, value in ended.averages.items())
    assert not any(torch.equal(kept[name], value) for name, value in ended.last.items())


def test_the_codec_learns_from_the_fitted_encoder(paths: Paths) -> None:
    made = bench(paths)
    weights = made.train(short("nano/codec"))
    assert weights is not None
    fitted = load_file(paths.run("codec") / "encoder.safetensors")
    kept = load_file(weights)
    assert all(torch.equal(kept[name], value) for name, value in fitted.items())


def test_a_run_in_two_parts_gives_the_weights_of_one(paths: Paths) -> None:
    whole = bench(paths).train(short("nano/dit", 4))
    assert whole is not None
    expected = whole.read_bytes()
    shutil.rmtree(whole.parent)
    halves = bench(paths)
    assert halves.train(short("nano/dit", 4), execution=Execution(stop_after_s=0.0)) is None
    assert bench(paths).train(short("nano/dit", 4)) == whole
    assert whole.read_bytes() == expected


def test_weights_that_find_no_room_are_written_when_the_command_is_given_again(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = bench(replace(paths, runs=paths.runs / "roomy")).train(short("nano/codec"))
    made = bench(paths)
    keep = made.keep

    def keep_on_a_full_disk(stage: StageConfig, trainer: Trainer) -> Path:
        with disk_full():
            return keep(stage, trainer)

    monkeypatch.setattr(made, "keep", keep_on_a_full_disk)
    with pytest.raises(OutputError, match=r"weights\.safetensors: .*give the same command again"):
        made.train(short("nano/codec"))
    assert not list(paths.run("nano/codec").glob("*weights*"))
    weights = bench(paths).train(short("nano/codec"))
    assert weights is not None
    assert expected is not None
    assert weights.read_bytes() == expected.read_bytes()


@pytest.mark.parametrize(
    "make",
    [
        lambda materials: materials.codec,
        lambda materials: materials.tokenizer,
        lambda materials: materials.adopt(Pretrained(tiny_model(), tiny_tokenizer())),
        lambda materials: FITTED.func(materials),
    ],
    ids=["encoder", "tokenizer", "adopted", "teacher"],
)
def test_what_is_made_once_is_whole_or_not_there(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, make: Callable[[Materials], object]
) -> None:
    monkeypatch.setattr(Materials, "text_encoder", SimpleNamespace(width=24))
    monkeypatch.setattr(materials_module.PooledSpans, "fit", lambda target, texts: None)
    materials = bench(replace(paths, teacher=paths.runs.parent / "teacher")).materials
    assert materials.waveforms  # cached before the disk is full
    with disk_full(), pytest.raises(OutputError, match="cannot write .*: .*make room"):
        make(materials)
    assert [path for path in paths.runs.rglob("*") if path.is_file()] == [
        *paths.cache.glob("waveforms-*.safetensors")
    ]


def test_a_stage_whose_start_is_missing_says_what_to_run(paths: Paths) -> None:
    with pytest.raises(TrainingError, match="audiostory train nano/stage1-stories"):
        bench(paths).train(short("nano/stage1-whole"))


def test_weights_of_another_size_are_refused(paths: Paths) -> None:
    bench(paths).train(short("nano/llm"))
    config = tiny_config()
    larger = replace(config, llm=replace(config.llm, intermediate_size=64))
    with pytest.raises(TrainingError, match="other sizes"):
        Workbench(larger, paths).load(("nano/llm",))


def test_a_stage_without_its_materials_says_which_option_gives_them(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--corpus"):
        bench(Paths(runs=tmp_path)).train(short("nano/codec"))


def test_a_finished_model_can_be_trained_further_elsewhere(paths: Paths, tmp_path: Path) -> None:
    for name in COURSE:
        bench(paths).train(short(name))
    bench(paths).export(tmp_path / "model", stages=COURSE, dtype=torch.float32)
    begun = from_pretrained(tmp_path / "model").model
    further = replace(paths, runs=tmp_path / "further")
    made = bench(further)
    made.train(short("nano/stage3", 1), start=tmp_path / "model")
    assert torch.equal(made.model.codec.axes_PC, begun.codec.axes_PC)
    moved = made.model.llm.embed(torch.tensor([5])) - begun.llm.embed(torch.tensor([5]))
    assert 0 < moved.abs().max() < 0.01
    assert (further.runs / "tokenizer.json").read_text() == (
        paths.runs / "tokenizer.json"
    ).read_text()


def test_runs_do_not_mix_two_models(paths: Paths, tmp_path: Path) -> None:
    for name in COURSE:
        bench(paths).train(short(name))
    bench(paths).export(tmp_path / "model", stages=COURSE, dtype=torch.float32)
    (paths.runs / "tokenizer.json").write_text("another")
    with pytest.raises(TrainingError, match="fresh --runs folder"):
        bench(paths).train(short("nano/llm"), start=tmp_path / "model")


def test_a_tangoflux_of_another_size_is_refused_before_training(paths: Paths) -> None:
    folder = write_tangoflux(paths.runs.parent / "TangoFlux")
    with pytest.raises(CheckpointError, match="the DiT of .* does not fit"):
        bench(paths).train(short("nano/dit"), tangoflux=folder)
    assert not (paths.runs / "dit" / "weights.safetensors").exists()


def test_tangoflux_overwrites_no_dit_that_has_learned(paths: Paths, tmp_path: Path) -> None:
    folder = write_tangoflux(tmp_path / "TangoFlux")
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "model")
    whole = short("nano/stage1-whole")
    with pytest.raises(TrainingError, match="overwrite the DiT of .*model: give it, or --from"):
        check_beginning(whole, tiny_config(), paths, start=tmp_path / "model", tangoflux=folder)
    for name, part in (("stage1-stories", "llm.x"), ("stage1-bridged", "dit.x")):
        (paths.runs / name).mkdir(parents=True)
        save_file({part: torch.zeros(1)}, paths.runs / name / "weights.safetensors")
    with pytest.raises(TrainingError, match="that 'nano/stage1-bridged' has trained"):
        bench(paths).train(whole, tangoflux=folder)
    fresh = replace(whole, starts_from=("nano/stage1-stories",))
    check_beginning(fresh, tiny_config(), paths, tangoflux=folder)


def test_a_foundation_of_other_sizes_is_refused(paths: Paths, tmp_path: Path) -> None:
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "foundation")
    given = replace(paths, foundation=tmp_path / "foundation")
    larger = replace(tiny_config(), name="larger", llm=replace(tiny_config().llm, num_layers=3))
    wider = replace(THREE_B, name="wider")  # has ears of its own width
    for config in (larger, wider):
        told = f"holds a 'tiny' of other sizes than '{config.name}'"
        with pytest.raises(TrainingError, match=told):
            check_beginning(short("paper-main/stage1-warm"), config, given)
    check_beginning(short("paper-main/stage1-warm"), tiny_config(), given)


@pytest.fixture
def founded(paths: Paths, tmp_path: Path) -> Paths:
    """Paths with a tiny stand-in for Qwen2.5, TangoFlux and the VAE, with fresh LoRA."""
    save_pretrained(tiny_model(3, lora_config()), tiny_tokenizer(), tmp_path / "foundation")
    return replace(paths, foundation=tmp_path / "foundation")


def lora_config() -> AudioStoryConfig:
    return replace(tiny_config(), llm=replace(tiny_config().llm, lora=LoraSettings(rank=2)))


def moved(made: Workbench, before: dict[str, Tensor]) -> set[str]:
    """Which parameters are no longer as they were."""
    return {k for k, v in made.model.named_parameters() if not torch.equal(v, before[k])}


@pytest.mark.parametrize("recipe", ["paper-main", "paper-appendix"])
def test_stage_1_of_the_paper_runs_and_trains_what_the_paper_says(
    founded: Paths, recipe: str
) -> None:
    base = dict(tiny_model(3, lora_config()).named_parameters())
    warm = Workbench(lora_config(), founded)
    assert warm.train(short(f"{recipe}/stage1-warm"), watchers=[Reaching()])
    assert all(".lora_" in name or "semantic_head" in name for name in moved(warm, base))
    begun = {name: value.detach().clone() for name, value in warm.model.named_parameters()}
    whole = Workbench(lora_config(), founded)
    assert whole.train(short(f"{recipe}/stage1-whole"), watchers=[Reaching()])
    parts = {name for part in ("residual_head", "fuser", "dit.") for name in base if part in name}
    assert moved(whole, begun) >= {
        name for name in parts if "norm" not in name and "bias" not in name
    }
    assert all(".lora_" in name or not name.startswith("llm.") for name in moved(whole, begun))


def test_two_recipes_do_not_share_a_folder_of_runs(founded: Paths) -> None:
    assert Workbench(lora_config(), founded).train(short("paper-main/stage1-warm", 1))
    for name in ("stage1-warm", "stage1-whole"):
        with pytest.raises(TrainingError, match="holds a run of 'paper-main/stage1-warm'"):
            Workbench(lora_config(), founded).train(short(f"paper-appendix/{name}", 1))


def test_the_release_runs_in_its_order(founded: Paths) -> None:
    for name in ("release/detokenizer", "release/joint"):
        assert Workbench(lora_config(), founded).train(short(name), watchers=[Reaching()])


def test_epochs_are_counted_by_the_corpus(founded: Paths) -> None:
    made = Workbench(lora_config(), founded)
    brief = replace(stage("paper-main/stage1-warm", batch_size=2), epochs=1.0)
    made.train(brief)
    written = json.loads((founded.run(brief.name) / "stage.json").read_text())
    assert written["steps"] == -(-len(made.materials.rows) // 2)


def test_a_stage_whose_data_nobody_makes_is_refused_and_says_so(paths: Paths) -> None:
    with pytest.raises(TrainingError, match="no data source 'films'"):
        bench(paths).train(replace(short("nano/stage3"), data="films"))


@pytest.fixture
def hearing(paths: Paths, tmp_path: Path) -> Paths:
    """Paths with a foundation that hears and has fresh LoRA."""
    save_pretrained(tiny_model(3, hearing_lora()), tiny_tokenizer(), tmp_path / "foundation")
    return replace(paths, foundation=tmp_path / "foundation")


def hearing_lora() -> AudioStoryConfig:
    return replace(lora_config(), audio_encoder=TINY_EARS)


def rows_of(paths: Paths, name: str) -> list[dict[str, float]]:
    """The numbers of a run, a row a step."""
    lines = (paths.run(name) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("recipe", ["paper-main", "paper-appendix"])
@pytest.mark.parametrize("own", ["stage2", "stage3"])
def test_stages_2_and_3_of_the_paper_learn_from_sounds_made_and_heard(
    hearing: Paths, recipe: str, own: str
) -> None:
    made = Workbench(hearing_lora(), hearing)
    before = dict(tiny_model(3, hearing_lora()).named_parameters())
    whole = replace(short(f"{recipe}/{own}", 8), starts_from=())
    assert made.train(whole, watchers=[Reaching()])
    generated = frozenset(name for name in whole.weights if name != "understanding")
    kinds = [frozenset(row.keys() & whole.weights.keys()) for row in rows_of(hearing, whole.name)]
    assert set(kinds) == {frozenset({"understanding"}), generated}
    parts = {".".join(name.split(".")[:2]) for name in moved(made, before)}
    assert {"audio_encoder.projector", "bridge.fuser", "dit.transformer"} <= parts


def test_a_deaf_model_learns_to_hear_in_nanos_stage_2(paths: Paths, tmp_path: Path) -> None:
    for name in COURSE[:3]:
        bench(paths).train(short(name))
    bench(paths).export(tmp_path / "deaf", stages=COURSE[:3], dtype=torch.float32)
    config = replace(tiny_config(), name="tiny-hearing", audio_encoder=TINY_EARS)
    made = Workbench(config, replace(paths, runs=tmp_path / "hearing"))
    drawn = made.model.ears.projector.stem.weight.clone()
    assert made.train(short("nano/stage2", 6), start=tmp_path / "deaf", watchers=[Reaching()])
    assert 0 < (made.model.ears.projector.stem.weight - drawn).abs().max() < 0.05
    joined = Workbench(config, made.paths)
    joined.export(
        tmp_path / "model",
        stages=["nano/stage2"],
        dtype=torch.float32,
        start=tmp_path / "deaf",
    )
    loaded = from_pretrained(tmp_path / "model")
    for name, value in made.model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], value), name
    sound = Waveform(np.zeros((1, 8000), np.float32), 8000)
    assert Answerer(loaded.model, loaded.tokenizer, max_tokens=2).answer(sound, "What is it?")


def test_a_run_of_two_kinds_in_two_parts_gives_the_weights_of_one(hearing: Paths) -> None:
    both = replace(short("nano/stage2", 6), starts_from=())
    config = hearing_config()
    whole = Workbench(config, hearing).train(both)
    assert whole is not None
    expected, kinds = whole.read_bytes(), [row.keys() for row in rows_of(hearing, both.name)]
    shutil.rmtree(whole.parent)
    halves = Workbench(config, hearing)
    assert halves.train(both, execution=Execution(stop_after_s=0.0)) is None
    assert Workbench(config, hearing).train(both) == whole
    assert whole.read_bytes() == expected
    assert [row.keys() for row in rows_of(hearing, both.name)] == kinds


def test_questions_are_asked_about_the_recordings_that_the_sampler_draws(
    hearing: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, mixed = Workbench(hearing_config(), hearing), short("nano/stage2")
    monkeypatch.setattr(SoundSampler, "draw", lambda sampler, generator: 2)
    batch = made.batches(mixed.learning_from(mixed.mixed[0]))(0)
    sound_VPE = made.materials.heard[2]
    count = int(batch["rows_V"].max()) + 1
    assert torch.equal(batch["heard_VPE"], sound_VPE.repeat(count, 1, 1))


def hearing_config() -> AudioStoryConfig:
    return replace(tiny_config(), audio_encoder=TINY_EARS)


def test_a_step_of_two_kinds_may_be_split(hearing: Paths) -> None:
    both = replace(short("nano/stage2", 6), starts_from=(), batch_size=4)
    whole = Workbench(hearing_config(), replace(hearing, runs=hearing.runs / "whole"))
    parts = Workbench(hearing_config(), replace(hearing, runs=hearing.runs / "parts"))
    assert whole.train(both)
    assert parts.train(both, execution=Execution(accumulate=2))
    rows = [rows_of(made.paths, both.name) for made in (whole, parts)]
    for one, other in zip(*rows, strict=True):
        for name in one.keys() - {"seconds", "step_s"}:
            assert one[name] == pytest.approx(other[name], rel=1e-3, abs=2e-6), name


def only_continuations(steps: int = 2) -> StageConfig:
    """Stage III of the paper on nothing but stories to be told on."""
    whole = short("paper-main/stage3", steps)
    weights = {name: weight for name, weight in whole.weights.items() if name != "understanding"}
    return replace(whole, data="continuation", weights=weights, mixed=(), starts_from=())


def test_what_is_heard_is_never_learnt_from_and_the_rest_is(hearing: Paths) -> None:
    made = Workbench(hearing_lora(), hearing)
    stage = only_continuations()
    batch_at, losses = made.begin(stage, start=None, tangoflux=None)
    place = made.materials.tokenizer.token_id(SpecialTokens.video_padding)
    for step in range(4):
        batch = batch_at(step)
        heard_BL = batch["text_is_heard_BL"]
        assert torch.equal(heard_BL, batch["text_ids_BL"] == place)
        assert heard_BL.any(dim=1).all()
        assert (batch["text_labels_BL"][heard_BL] == IGNORED).all()
        assert (batch["text_labels_BL"] != IGNORED).any(dim=1).all()
        assert not batch["is_heard_BL"][batch["rows_X"], batch["starts_X"]].any()
        assert len(batch["latents_XTC"]) == len(batch["starts_X"]) == len(batch["semantic_XSD"])
    computed = losses(batch, torch.Generator().manual_seed(0))
    assert computed.keys() == stage.weights.keys()
    other = batch | {name: torch.randn_like(batch[name]) for name in batch if "heard_V" in name}
    moved = losses(other, torch.Generator().manual_seed(0))
    assert all(not torch.equal(moved[name], value) for name, value in computed.items())


def test_a_continuation_trains_all_that_the_paper_trains(hearing: Paths) -> None:
    assert Workbench(hearing_lora(), hearing).train(only_continuations(), watchers=[Reaching()])


def test_stage_3_of_the_paper_hears_beginnings_as_often_as_its_ratio_says(hearing: Paths) -> None:
    made = Workbench(hearing_lora(), hearing)
    stage = replace(short("paper-main/stage3"), starts_from=())
    batch_at, _ = made.begin(stage, start=None, tangoflux=None)
    kinds = [int(batch_at(step)["kind"]) for step in range(120)]
    shares = shares_of_steps(stage)
    assert shares[2] / shares[0] == pytest.approx(stage.mixed[1].ratio)
    assert kinds.count(2) / len(kinds) == pytest.approx(shares[2], abs=0.08)


def test_nano_with_ears_learns_all_of_stage_3(paths: Paths) -> None:
    made = Workbench(hearing_config(), paths)
    stage = replace(short("nano/stage3-hearing", 8), starts_from=())
    assert made.train(stage, watchers=[Reaching()])
    kinds = {frozenset(row.keys() & stage.weights.keys()) for row in rows_of(paths, stage.name)}
    assert kinds == {frozenset({"understanding"}), frozenset({"semantic", "text", "flow"})}


def test_questions_are_asked_about_the_lists_that_are_given(hearing: Paths, tmp_path: Path) -> None:
    folder = tmp_path / "auto-acd"
    write_text(folder / "train.csv", "youtube_id,caption\n--cB2ZVjpnA,A boat creaks.\n")
    write_clips(folder, "Y--cB2ZVjpnA", duration_s=1.0)
    lists = (("auto-acd", folder), ("corpus", hearing.corpus or Path()))
    made = Workbench(hearing_lora(), replace(hearing, questions=lists))
    assert made.train(replace(short("paper-main/stage2", 8), starts_from=()), watchers=[Reaching()])
    rows = made.materials.heard_rows
    assert [row.source for row in rows] == ["auto-acd", *["corpus"] * 7]
    assert len(made.materials.heard) == 8
