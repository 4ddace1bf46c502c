from __future__ import annotations

import pytest

from audiostory.errors import CheckpointError
from audiostory.models.foreign import parts
from audiostory.models.foreign.parts import PARTS, find_parts


def put(folder, *names):
    folder.mkdir()
    for name in names:
        (folder / name).write_text("{}")
    return folder


def whole(folder):
    """A folder for each part, its files empty."""
    return {role: str(put(folder / role, *part.names)) for role, part in PARTS.items()}


def write_index(folder, *shards):
    """An index like the one transformers writes."""
    entries = ", ".join(f'"{n}": "{name}"' for n, name in enumerate(shards))
    (folder / "model.safetensors.index.json").write_text(f'{{"weight_map": {{{entries}}}}}')


def test_folders_that_hold_all_files_are_taken_as_they_are(tmp_path):
    given = whole(tmp_path)
    write_index(tmp_path / "llm", *PARTS["llm"].shards[1:])
    found = find_parts(given)
    assert {role: str(path) for role, path in found.items()} == given
    names = [path.name for path in PARTS["llm"].paths(found["llm"])]
    assert sorted(names) == sorted(
        name for name in PARTS["llm"].names if name != "model.safetensors.index.json"
    )


def test_all_that_is_missing_is_told_at_once_with_its_command(tmp_path):
    given = whole(tmp_path) | {"llm": str(tmp_path / "nowhere" / "qwen")}
    (tmp_path / "teacher" / "tokenizer.json").unlink()
    (tmp_path / "whisper" / "model.safetensors").unlink()
    with pytest.raises(CheckpointError) as told:
        find_parts(given)
    said = str(told.value)
    assert "(--llm): hf download Qwen/Qwen2.5-3B-Instruct config.json" in said
    assert "model-00002-of-00002.safetensors --local-dir" in said
    assert "lacks tokenizer.json: hf download google/flan-t5-large" in said
    assert "(--whisper, ears) lacks model.safetensors: hf download openai/whisper" in said
    assert "TangoFlux" not in said


def test_a_missing_shard_is_named(tmp_path):
    given = whole(tmp_path)
    write_index(tmp_path / "llm", *PARTS["llm"].shards[1:])
    (tmp_path / "llm" / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(CheckpointError, match="lacks 1 of 2 shards"):
        find_parts(given)


def test_what_is_not_given_is_fetched_from_the_papers_repository(tmp_path, monkeypatch):
    given = whole(tmp_path)
    write_index(tmp_path / "llm", *PARTS["llm"].shards[1:])
    asked = {}

    def fetched(repo, patterns):
        asked[repo] = patterns
        return tmp_path / ("llm" if "wen" in repo else "teacher")

    monkeypatch.setattr(parts, "fetched", fetched)
    others = {role: folder for role, folder in given.items() if role != "teacher"}
    found = find_parts(others | {"llm": "somebody/qwen"})
    assert found["teacher"] == tmp_path / "teacher"
    assert asked["google/flan-t5-large"] == PARTS["teacher"].names
    assert "model-*.safetensors" in asked["somebody/qwen"]
