"""Pairs on disk, and batches of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from audiostory.data.preferences import (
    PAIRS,
    PairBatches,
    PairsAbout,
    PairsFolder,
    PreferencePairs,
    Ranking,
    counts_of,
    key_of_caption,
    key_of_model,
)
from audiostory.errors import CorpusError, OutputError
from tests.disk import disk_full
from tests.tiny import tiny_model

ABOUT = PairsAbout(
    model="tiny",
    model_key="0",
    ears="ears",
    preferred_by=("ears 1",),
    num_candidates=2,
    seed=0,
    sampling={"steps": "2"},
)


def ranking(caption: str = "rain", duration_s: float = 1.0) -> Ranking:
    return Ranking(
        caption=caption,
        duration_s=duration_s,
        outcome="pair",
        seeds=(1, 2),
        scores=(0.1, 0.9),
        winner=1,
        loser=0,
    )


def tensors(frames: int, value: float = 1.0) -> dict[str, torch.Tensor]:
    return {
        "winner_TC": torch.full((frames, 2), value),
        "loser_TC": torch.full((frames, 2), -value),
        "condition_SD": torch.full((3, 4), value),
    }


def pairs(folder: Path, *frames: int) -> PreferencePairs:
    place = PairsFolder(folder)
    place.open(ABOUT)
    made = {f"key{n}": ranking(f"rain {n}", count / 10) for n, count in enumerate(frames)}
    for number, (key, one) in enumerate(made.items()):
        place.keep(key, one, tensors(frames[number], number + 1.0))
    place.finish(made)
    return PreferencePairs(folder)


def test_what_was_kept_is_found(tmp_path: Path) -> None:
    found = pairs(tmp_path, 10)
    assert PairsFolder(tmp_path).find("key0") == ranking("rain 0", 1.0)
    assert PairsFolder(tmp_path).find("key1") is None
    assert (found.rows[0].winner_score, found.rows[0].loser_score) == (0.9, 0.1)
    assert torch.equal(found.pair(0)["loser_TC"], torch.full((10, 2), -1.0))
    assert found.about == ABOUT


def test_a_full_disk_keeps_what_was_finished_and_leaves_nothing_half(tmp_path: Path) -> None:
    place = PairsFolder(tmp_path)
    place.open(ABOUT)
    place.keep("key0", ranking(), tensors(10))
    with disk_full():
        for write in (
            lambda: place.keep("key1", ranking(), tensors(10)),
            lambda: place.finish({"key0": ranking()}),
        ):
            with pytest.raises(OutputError, match="make room"):
                write()
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "about.json",
        "key0.safetensors",
    ]
    assert place.find("key0") == ranking()


def test_a_caption_without_a_pair_is_finished_too(tmp_path: Path) -> None:
    place = PairsFolder(tmp_path)
    place.open(ABOUT)
    tie = Ranking(caption="rain", duration_s=1.0, outcome="tie", scores=(0.5, 0.5))
    place.keep("key", tie, {})
    assert place.find("key") == tie
    assert place.finish({"key": tie}) == 0
    with pytest.raises(CorpusError, match="holds no pair"):
        _ = PreferencePairs(tmp_path).rows


def test_batches_depend_on_seed_and_step_alone(tmp_path: Path) -> None:
    found = pairs(tmp_path, 10, 10, 10, 10)
    one, again = (PairBatches(found, seed=3, batch_size=8) for _ in range(2))
    for name, value in one.batch_at(5).items():
        assert torch.equal(again.batch_at(5)[name], value)
    assert not torch.equal(one.batch_at(6)["winner_BTC"], one.batch_at(5)["winner_BTC"])
    assert "frame_mask_BT" not in one.batch_at(5)


def test_shorter_sounds_are_padded_and_masked(tmp_path: Path) -> None:
    batch = PairBatches(pairs(tmp_path, 4, 6), seed=0, batch_size=16).batch_at(0)
    mask_BT = batch["frame_mask_BT"]
    assert set(mask_BT.sum(dim=1).tolist()) == {4, 6}
    for name in ("winner_BTC", "loser_BTC"):
        assert batch[name].shape == (16, 6, 2)
        assert not batch[name][~mask_BT].any()
    assert torch.equal(mask_BT.sum(dim=1) / 10, batch["duration_B"])
    assert torch.equal(batch["condition_BSD"][:, 0, 0], batch["winner_BTC"][:, 0, 0])
    assert torch.equal(batch["loser_BTC"], -batch["winner_BTC"])


def test_a_model_is_known_by_what_tells_and_makes_its_sounds() -> None:
    key = key_of_model(tiny_model())
    assert key_of_model(tiny_model()) == key
    parts = (
        "llm.network.model.norm.weight",
        "bridge.null_condition",
        "dit.pooled_projection.0.bias",
    )
    for part in parts:
        other = tiny_model()
        with torch.no_grad():
            other.get_parameter(part).add_(0.1)
        assert key_of_model(other) != key
    halved = tiny_model().half().float()
    assert key_of_model(halved) == key


def test_pairs_of_another_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"made by another model \(tiny, 0\).*--from"):
        pairs(tmp_path, 4).check_made_by(tiny_model())


def test_a_key_changes_with_all_that_decides_the_sounds() -> None:
    keys = {
        key_of_caption(ABOUT, "rain", 1.0),
        key_of_caption(ABOUT, "rain", 2.0),
        key_of_caption(ABOUT, "wind", 1.0),
    }
    assert len(keys) == 3


def test_damage_is_named(tmp_path: Path) -> None:
    found = pairs(tmp_path, 4)
    file = tmp_path / "captions" / "key0.safetensors"
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(CorpusError, match="key0.safetensors is missing or damaged"):
        found.pair(0)
    with pytest.raises(CorpusError, match="damaged"):
        PairsFolder(tmp_path).find("key0")
    (tmp_path / PAIRS).write_text('{"key": 1}\n')
    with pytest.raises(CorpusError, match=r"pairs.jsonl is damaged"):
        _ = PreferencePairs(tmp_path).rows


def test_a_folder_of_anything_else_is_no_folder_of_pairs(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no folder of pairs"):
        _ = PreferencePairs(tmp_path).about
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot make"):
        PairsFolder(tmp_path / "file").open(ABOUT)


def test_counts_name_every_end() -> None:
    silent = Ranking(
        caption="a", duration_s=1.0, outcome="too_few", scores=(None, None, 0.1), num_silent=1
    )
    counts = counts_of([ranking(), silent])
    assert counts == {"pair": 1, "tie": 0, "too_few": 1, "unread": 0, "silent": 1, "unscored": 1}
