from dataclasses import replace
from pathlib import Path

import pytest

from audiostory.apps.benchmark_request import Asked, judge_of, loaded_set, weights_of
from audiostory.errors import ConfigError, CorpusError
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.embedded.evaluator import save_evaluator
from tests.evaluate.embedded.small import evaluator_behind_yamnet


def asked(place: Path, **changes) -> Asked:
    """The floor of noise on two items, heard by a small evaluator."""
    save_evaluator(evaluator_behind_yamnet(), place / "evaluator")
    least = Asked(
        system="noise",
        item_set="nano-stories",
        corpus=None,
        limit=2,
        max_missing=0,
        retry_refused=False,
        device="cpu",
        dtype=None,
        chat=None,
        protocol=None,
        encoders=(),
        evaluator=place / "evaluator",
        grounder="embedded",
        judge=None,
        judge_repeats=1,
        prices=None,
        max_cost=None,
        out=place / "out",
        ray=None,
    )
    return replace(least, **changes)


def test_what_was_asked_becomes_a_system_a_suite_and_a_set(tmp_path):
    built = asked(tmp_path).build()
    assert built.system.card.system == "captions+noise"
    assert len(built.item_set.items) == 2
    assert built.suite.item_metrics
    assert built.judge is None


def test_another_machine_measures_the_same(tmp_path):
    wanted = asked(tmp_path)
    worker = wanted.worker()
    assert worker.suite.columns == wanted.build().suite.columns
    assert [one.id for one in worker.item_set.items] == [
        one.id for one in loaded_set("nano-stories", None, 2).items
    ]


def test_every_item_is_answered_and_measured(tmp_path):
    wanted = asked(tmp_path)
    built, folder = wanted.build(), RunFolder(tmp_path / "run")
    folder.open(built.system.card, built.item_set.items)
    assert wanted.evaluate(built, folder) == ()
    assert all(folder.scores(one.id) for one in built.item_set.items)


def test_items_that_were_refused_are_asked_again_where_that_is_wanted(tmp_path):
    wanted = asked(tmp_path)
    built, folder = wanted.build(), RunFolder(tmp_path / "run")
    folder.open(built.system.card, built.item_set.items)
    first, second = built.item_set.items
    folder.keep_refusal(first, "no connection")
    wanted.evaluate(built, folder)
    assert folder.record(first).refusal
    time_ns = folder.track(second.id).stat().st_mtime_ns
    replace(wanted, retry_refused=True).evaluate(built, folder)
    assert folder.record(first).has_track
    assert folder.track(second.id).stat().st_mtime_ns == time_ns


def test_sounds_that_may_be_missing_are_a_matter_of_the_set(tmp_path):
    with pytest.raises(CorpusError, match="max_missing"):
        asked(tmp_path, max_missing=1).build()


def test_what_is_said_of_references_is_said_of_nothing_else(tmp_path):
    built = asked(tmp_path).build()
    item = built.item_set.items[0]
    said = replace(built, item_set=replace(built.item_set, remark_of=lambda _: "another mix"))
    assert said.remark_of(item) == ""
    card = replace(built.system.card, is_reference=True)
    assert replace(said, system=replace(built.system, card=card)).remark_of(item) == "another mix"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"system": "guess+nano"}, "no planner 'guess'"),
        ({"grounder": "guess"}, "no grounder 'guess'"),
        ({"judge": "openai:someone@http://host/v1", "max_cost": 1.0}, "price"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_asked(tmp_path, changes, told):
    with pytest.raises(ConfigError, match=told):
        asked(tmp_path, **changes).build()
    assert not (tmp_path / "out").exists()


def test_machines_of_a_cluster_cannot_share_a_limit_of_cost(tmp_path):
    with pytest.raises(ConfigError, match="leave --ray out"):
        asked(tmp_path, ray="auto", max_cost=1.0)


def test_the_first_items_are_a_version_of_their_own():
    assert loaded_set("nano-stories", None, 150).version == "1.0"
    few = loaded_set("nano-stories", None, 3)
    assert (len(few.items), few.version) == (3, "1.0-first-3")


def test_weights_of_an_encoder_need_a_name(tmp_path):
    with pytest.raises(ConfigError, match="NAME=PATH"):
        asked(tmp_path, protocol="standard", encoders=("=x",)).build()
    assert weights_of(["clap=/x=y", "ast=z"]) == {"clap": "/x=y", "ast": "z"}


def test_nobody_judges_who_was_not_named(tmp_path):
    assert judge_of(None, tmp_path, 1, None, None) is None
