"""Parts of a batch: every row is in one, and shares add up."""

from __future__ import annotations

import pytest
import torch

from audiostory.errors import TrainingError
from audiostory.train.objective import CodecObjective, StoryObjective
from audiostory.train.splitting import Part, cut, parts_of
from tests.tiny import tiny_model
from tests.train.tiny_run import NUM_STORIES, NUM_TEXTS, batch_at


def parts(count: int) -> list[Part]:
    objective = StoryObjective(tiny_model(), frozenset({"semantic", "text", "flow"}))
    generator = torch.Generator().manual_seed(0)
    return parts_of(objective, batch_at(0), generator, count=count, chosen=range(count))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_every_row_is_in_one_part_and_shares_add_up(count: int) -> None:
    made = parts(count)
    (whole,) = parts(1)
    for loss in ("text", "semantic", "flow"):
        assert sum(part.share(loss) for part in made) == pytest.approx(1.0)
    for name in ("latents_XTC", "noise_XTC", "sigma_X"):
        rows = torch.cat([part.batch[name] for part in made if part.share("flow")])
        assert torch.equal(rows, whole.batch[name])
    labels = [part.batch["text_labels_BL"] for part in made if part.share("text")]
    assert torch.equal(torch.cat(labels), whole.batch["text_labels_BL"])


def test_clips_follow_their_stories() -> None:
    for part in parts(3):
        rows_X, starts_X, ids_BL = (part.batch[key] for key in ("rows_X", "starts_X", "ids_BL"))
        assert rows_X.tolist() == sorted([*range(len(ids_BL))] * 2)
        opening = ids_BL[rows_X, starts_X]
        assert len(set(opening.tolist())) == 1
        assert len(part.batch["latents_XTC"]) == len(rows_X)


def test_a_part_without_rows_of_its_own_is_filled_and_weighs_nothing() -> None:
    made = parts(NUM_STORIES)
    idle = [part for part in made if part.share("text") == 0]
    assert len(idle) == NUM_STORIES - NUM_TEXTS
    assert all(len(part.batch["text_ids_BL"]) == 1 for part in made)


def test_what_cannot_be_split_says_so() -> None:
    generator = torch.Generator()
    codec = CodecObjective(tiny_model().codec)  # pyright: ignore[reportArgumentType]
    batch = {"waveform_BN": torch.zeros(4, 8)}
    assert parts_of(codec, batch, generator)[0].batch is batch
    with pytest.raises(TrainingError, match="CodecObjective cannot be split"):
        parts_of(codec, batch, generator, count=2)
    with pytest.raises(TrainingError, match="'heard_VPE' .* no axis"):
        cut({"heard_VPE": torch.zeros(2, 2, 2)}, {}, 0, 2)


def test_an_axis_that_is_not_the_first_is_cut_too() -> None:
    part = cut({"noises_2BN": torch.arange(12).view(2, 3, 2)}, {}, 2, 3)
    assert part.batch["noises_2BN"].tolist() == [[[4, 5]], [[10, 11]]]


def test_what_is_no_row_of_the_batch_is_in_every_part() -> None:
    batch = {"kind": torch.tensor(1), "ids_BL": torch.arange(6).view(3, 2)}
    parts = [cut(batch, {}, index, 2).batch for index in range(2)]
    assert [int(part["kind"]) for part in parts] == [1, 1]
    assert [len(part["ids_BL"]) for part in parts] == [1, 2]


def test_an_axis_follows_the_sequences_it_is_named_after() -> None:
    batch = {
        "ids_BL": torch.zeros(2, 1),
        "rows_V": torch.tensor([0, 1, 1]),
        "heard_VPE": torch.tensor([[[1.0]], [[2.0]], [[3.0]]]),
        "text_ids_BL": torch.zeros(4, 1),
        "text_rows_V": torch.tensor([0, 1, 2, 3, 3]),
        "text_heard_VPE": torch.arange(5.0)[:, None, None],
    }
    part = cut(batch, {}, 1, 2).batch
    assert part["heard_VPE"].flatten().tolist() == [2.0, 3.0]
    assert part["rows_V"].tolist() == [0, 0]
    assert part["text_heard_VPE"].flatten().tolist() == [2.0, 3.0, 4.0]
    assert part["text_rows_V"].tolist() == [0, 1, 1]


def test_a_loss_without_a_row_is_refused() -> None:
    with pytest.raises(TrainingError, match="counts in the loss 'text'"):
        cut({}, {"text_B": torch.zeros(2)}, 0, 2)
