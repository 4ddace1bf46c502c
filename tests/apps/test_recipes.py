"""Recipes are listed, shown with their sources, and compared."""

from __future__ import annotations

import re

from typer.testing import CliRunner, Result

from audiostory.apps.cli import app


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_recipes_are_listed_with_their_stages() -> None:
    told = run("recipes").stdout
    for name in ("paper-main", "paper-appendix", "release", "nano", "nano/stage3"):
        assert name in told
    assert "25 epochs" in told
    assert "6800 steps" in told
    assert re.search(r"nano/stage2 .*  size nano-hearing\n", told)


def test_a_stage_is_shown_with_where_its_values_come_from() -> None:
    told = run("recipes", "paper-main/stage1-whole").stdout
    assert re.search(r"weights.flow: 0.2 +\[Eq. 6 with lambda_2 = 0.2", told)
    assert re.search(r"optim.betas: 0.9, 0.95 +\[TangoFlux's training", told)
    assert re.search(r"optim.warmup_steps: 200 +\[our choice\]", told)
    assert "[" not in run("recipes", "nano/dit").stdout


def test_a_recipe_is_shown_stage_by_stage() -> None:
    told = run("recipes", "paper-appendix").stdout
    assert "Qwen2.5-VL-3B-Instruct" in told
    assert told.index("paper-appendix/stage1-warm") < told.index("paper-appendix/stage3\n")


def test_two_stages_are_compared_field_by_field() -> None:
    told = run("recipes", "nano/stage1-warm", "nano/stage3").stdout
    assert "  batch_size: 48 | 8\n" in told
    assert "objective" not in told
    assert "no difference" in run("recipes", "nano/dit", "nano/dit").stdout


def test_two_recipes_are_compared_stage_by_stage() -> None:
    told = run("recipes", "paper-main", "paper-appendix").stdout
    assert "stage1-whole\n  weights.semantic: 1 | 5\n" in told
    assert "mixed.understanding.ratio: 2 | 0.5" in told
    assert "starts_from" not in told
