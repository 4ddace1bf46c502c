"""Targets of captions, made once and found again."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from audiostory.data import targets as targets_module
from audiostory.data.targets import KeptTargets, text_targets
from audiostory.errors import CorpusError
from audiostory.models.targets import PaddedTokens
from tests.models.test_targets import CAPTIONS
from tests.models.test_text_encoder import encoder


def test_kept_targets_are_the_teachers_and_are_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets_module, "TEACHER_BATCH", 3)
    teacher = PaddedTokens(encoder(), 4)
    kept = KeptTargets.of(teacher, [*CAPTIONS, CAPTIONS[0]], tmp_path)
    torch.testing.assert_close(kept(CAPTIONS), teacher(CAPTIONS), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(kept(["cat"]), teacher(["cat"]), atol=1e-3, rtol=1e-3)
    monkeypatch.setattr(teacher, "forward", None)
    again = KeptTargets.of(teacher, CAPTIONS, tmp_path)
    assert torch.equal(again(CAPTIONS[1:]), kept(CAPTIONS[1:]))


def test_another_teacher_makes_other_files(tmp_path: Path) -> None:
    teacher = PaddedTokens(encoder(), 4)
    text_targets(teacher, CAPTIONS, tmp_path)
    with torch.no_grad():
        next(teacher.encoder.network.parameters()).add_(1)
    text_targets(teacher, CAPTIONS, tmp_path)
    assert len(list(tmp_path.glob("wordings-*.safetensors"))) == 2


def test_targets_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    teacher = PaddedTokens(encoder(), 4)
    with torch.no_grad():
        next(teacher.encoder.network.parameters()).fill_(torch.nan)
    with pytest.raises(CorpusError, match="not finite"):
        text_targets(teacher, CAPTIONS, tmp_path)
