"""The paper's course by the commands alone: published parts, four stages, a model that sounds."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
import torch
from typer.testing import CliRunner, Result

from audiostory.apps.cli import app
from audiostory.generate import pipeline
from audiostory.models.model_folder import from_pretrained
from audiostory.story.grammar import GrammarLimits
from tests.data.corpus import write_corpus
from tests.foundation_parts import write_parts

STAGES = tuple(f"paper-main/{name}" for name in ("stage1-warm", "stage1-whole", "stage2", "stage3"))


def run(*words: object) -> Result:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.slow
def test_the_papers_course_runs_from_published_parts_to_a_track(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    few_words = pipeline.ReasonerConfig(limits=GrammarLimits(max_events=2, max_words_tokens=2))
    monkeypatch.setattr(pipeline, "ReasonerConfig", lambda: few_words)
    parts = write_parts(tmp_path)
    write_corpus(tmp_path / "corpus")
    run("compose", "-o", "stories.jsonl", "--count", 4, "--corpus", "corpus")
    given = [word for role, path in parts.items() for word in (f"--{role}", path)]
    run("foundation", "-o", "begun", *given)
    data = ("--corpus", "corpus", "--stories", "stories.jsonl", "--teacher", parts["teacher"])
    # Six steps: stages II and III hear in some and make sound in others.
    brief = ("--runs", "runs", "--steps", 6, "--batch-size", 2, "--no-bf16")
    begun = from_pretrained(Path("begun")).model.state_dict()
    for option, name in zip(("--from", *["--foundation"] * 3), STAGES, strict=True):
        assert "weights.safetensors" in run("train", name, option, "begun", *data, *brief).stdout
    run("export", *STAGES, "--from", "begun", "--runs", "runs", "-o", "model", "--no-half")
    made = from_pretrained(Path("model")).model.state_dict()
    moved = {name for name, value in begun.items() if not torch.equal(made[name], value)}
    learned = ("lora_", "semantic_head", "residual_head", "fuser", "dit.", "audio_encoder.proj")
    assert all(any(part in name for part in learned) for name in moved)
    assert all(any(part in name for name in moved) for part in learned)
    run("generate", "Rain, a dog barks", "-d", 3, "--model", "model", "--steps", 2, "-o", "t.wav")
    track, rate_hz = soundfile.read("t.wav")
    assert (track.shape, rate_hz) == ((3 * 44_100, 2), 44_100)
    assert abs(track).max() > 0.01
