"""The command that ranks a model's sounds, and what it says to wrong inputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from audiostory.apps.cli import app
from audiostory.data.preferences import PreferencePairs
from audiostory.evaluate import caption_fit
from audiostory.models import audiostory as sizes
from audiostory.models.model_folder import from_pretrained, save_pretrained
from tests.curate.ranking import LoudEars
from tests.data.corpus import write_corpus
from tests.tiny import tiny_config, tiny_model, tiny_tokenizer


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(sizes.SIZES, "tiny", tiny_config())
    monkeypatch.setitem(caption_fit.RANKERS, "loud", lambda *_: LoudEars())
    save_pretrained(tiny_model(), tiny_tokenizer(), tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    path = tmp_path / "captions.txt"
    row = json.dumps({"caption": "Rain falls", "duration_s": 1.5})
    path.write_text(f"A dog barks\n\n{row}\n")
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_ranked_sounds_tune_a_model(tmp_path: Path, model: Path, captions: Path) -> None:
    pairs, runs = tmp_path / "pairs", tmp_path / "runs"
    given = ("--ears", "loud", "--model", model, "--candidates", 2, "--duration", 1)
    made = run("preferences", "-o", pairs, "--captions", captions, *given)
    assert made.exit_code == 0, made.stderr
    assert "of 2 captions 2 gave a pair" in made.stdout
    assert "ranked by embedded: loud ears" in made.stdout
    assert "not to be measured with loud ears 1" in made.stdout
    rows = PreferencePairs(pairs).rows
    assert [(row.caption, row.duration_s) for row in rows] == [
        ("A dog barks", 1.0),
        ("Rain falls", 1.5),
    ]
    where = ("--runs", runs, "--size", "tiny", "--from", model)
    trained = run("train", "nano/crpo", *where, "--pairs", pairs, "--steps", 2, "--batch-size", 2)
    assert trained.exit_code == 0, trained.stderr
    exported = run("export", "nano/crpo", "-o", tmp_path / "tuned", *where)
    assert exported.exit_code == 0, exported.stderr
    assert from_pretrained(tmp_path / "tuned").model.config.preferred_by == LoudEars.preferred_by
    again = run("preferences", "-o", pairs, "--captions", captions, *given[:3], tmp_path / "tuned")
    assert again.exit_code == 2
    assert "holds other pairs" in again.stderr


def test_captions_of_a_corpus_are_its_train_splits_each_once(tmp_path: Path, model: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    given = ("--ears", "loud", "--model", model, "--candidates", 2, "--duration", 1)
    made = run("preferences", "-o", tmp_path / "pairs", "--corpus", corpus, *given)
    assert made.exit_code == 0, made.stderr
    found = {row.caption for row in PreferencePairs(tmp_path / "pairs").rows}
    assert found == {"A bell ringing", "Rain falling", "A dog barking"}
    drawn = run("preferences", "-o", tmp_path / "two", "--corpus", corpus, *given, "--count", 2)
    assert "of 2 captions" in drawn.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--ears", "loud"), "give either --captions FILE or --corpus FOLDER"),
        (("--ears", "loud", "--captions", "CAPTIONS", "--corpus", "x"), "give either"),
        (("--ears", "nose", "--captions", "CAPTIONS"), "names no ears that rank"),
        (("--ears", "clap=nowhere", "--captions", "CAPTIONS"), "there is no folder nowhere"),
        (("--ears", "loud", "--captions", "nowhere"), "nowhere cannot be read"),
        (("--ears", "loud", "--captions", "CAPTIONS", "--count", "9"), "there are only 2 captions"),
        (("--ears", "loud", "--captions", "CAPTIONS", "--candidates", "1"), "2"),
        (("--ears", "loud", "--captions", "CAPTIONS", "--duration", "500"), "at once"),
        (("--ears", "loud", "--captions", "CAPTIONS", "--duration", "nan"), "at once"),
        (("--captions", "CAPTIONS"), "--ears"),
    ],
)
def test_what_cannot_be_ranked_is_told_and_nothing_is_made(
    tmp_path: Path, model: Path, captions: Path, words: tuple[str, ...], told: str
) -> None:
    given = [captions if word == "CAPTIONS" else word for word in words]
    done = run("preferences", "-o", tmp_path / "pairs", "--model", model, *given)
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.split())
    assert not (tmp_path / "pairs").exists()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"text": "rain"}', "line 1 is no caption"),
        ('{"caption": 3}', "line 1 is no caption"),
        ('{"caption": "rain", "duration_s": "long"}', "line 1 is no caption"),
        ('{"caption": " "}', "empty caption"),
        ("{rain", "line 1 is no caption"),
        ("", "there is no caption"),
    ],
)
def test_a_line_that_is_no_caption_is_named(
    tmp_path: Path, model: Path, line: str, told: str
) -> None:
    (tmp_path / "captions.txt").write_text(line + "\n")
    given = ("--captions", tmp_path / "captions.txt", "--ears", "loud", "--model", model)
    done = run("preferences", "-o", tmp_path / "pairs", *given)
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.split())
