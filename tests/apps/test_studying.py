import pytest
from typer.testing import CliRunner

from audiostory.apps.cli import app
from audiostory.apps.studying import chosen_runs, drawn_questions, judge_scores
from audiostory.errors import MeasureError
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.run import answer_items, measure_items, reference_answers
from audiostory.evaluate.benchmark.suite import Suite
from audiostory.evaluate.metric import Column
from tests.evaluate.benchmark.systems import ITEMS, SET, NoiseSystem, run_card


@pytest.fixture
def benchmark(tmp_path):
    systems = {
        "zither": NoiseSystem(),
        "kazoo": NoiseSystem(gain=0.5, refused=("item-0",)),
        "reference": reference_answers(SET),
    }
    for name, system in systems.items():
        folder = RunFolder(tmp_path / "out" / name)
        folder.open(run_card(name, is_reference=name == "reference"), ITEMS)
        list(answer_items(system, ITEMS, folder))
    return tmp_path / "out"


def test_all_systems_but_the_references_take_part_unless_named(benchmark):
    assert list(chosen_runs(benchmark, [])) == ["kazoo", "zither"]
    assert list(chosen_runs(benchmark, ["reference", "kazoo"])) == ["reference", "kazoo"]
    with pytest.raises(MeasureError, match="no run of noisy; there are kazoo, zither, reference"):
        chosen_runs(benchmark, ["noisy"])


def test_items_are_drawn_evenly_by_kind_among_those_that_all_answered(benchmark):
    runs = list(chosen_runs(benchmark, []).values())
    drawn = drawn_questions(runs, 4, seed=1)
    assert sorted(one.stratum for one in drawn) == ["easy", "easy", "hard", "hard"]
    assert "item-0" not in [one.id for one in drawn]
    assert drawn == drawn_questions(runs, 4, seed=1)
    with pytest.raises(MeasureError, match="only 5 items"):
        drawn_questions(runs, 6, seed=1)


class Judging:
    """A metric that has a judge's columns, and gives every track what it is told."""

    def __init__(self, detail="gemini", **scores):
        self.scores = scores
        self.columns = tuple(
            Column(key=key, title=key, better="higher", detail=detail, section="judge")
            for key in scores
        )

    def measure(self, subject):
        return self.scores


def judged_by(folder, *metrics):
    for metric in metrics:
        measure_items(Suite(item_metrics=(metric,)), SET, folder)
    return folder


def test_a_judges_scores_are_those_of_the_studys_criteria(benchmark):
    given = {"instruct": 4.0, "consistency": 3.0, "reasoning": None, "coherence": 2.0}
    folder = judged_by(RunFolder(benchmark / "zither"), Judging(**given))
    assert judge_scores([folder])["zither"]["item-1"] == {
        "instruction_following": 4.0,
        "consistency": 3.0,
    }
    with pytest.raises(MeasureError, match="--judge"):
        judge_scores([RunFolder(benchmark / "kazoo")])


def test_the_scores_are_those_of_the_judge_that_was_last_asked(benchmark):
    judges = Judging("gemini", instruct=1.0), Judging("openai", instruct=5.0)
    for order in (judges, judges[::-1]):
        folder = judged_by(RunFolder(benchmark / "zither"), *order)
        (score,) = {
            one["instruction_following"] for one in judge_scores([folder])["zither"].values()
        }
        assert score == order[-1].scores["instruct"]


def test_two_judges_in_one_benchmark_are_refused(benchmark):
    zither = judged_by(RunFolder(benchmark / "zither"), Judging("gemini", instruct=1.0))
    kazoo = judged_by(RunFolder(benchmark / "kazoo"), Judging("openai", instruct=5.0))
    with pytest.raises(MeasureError, match=r"two judges.*gemini; openai.*same --judge"):
        judge_scores([zither, kazoo])


def test_a_study_is_made_of_a_benchmark_and_hides_its_systems(benchmark, tmp_path):
    made = CliRunner().invoke(
        app,
        [
            *("evaluate", "study", str(benchmark), "--out", str(tmp_path / "study")),
            *("--items", "2", "--participants", "2", "--per-participant", "1"),
        ],
    )
    assert made.exit_code == 0, made.output
    assert "keep" in made.stdout
    page = (tmp_path / "study" / "participants" / "index.html").read_text()
    assert not [name for name in ("zither", "kazoo") if name in page]


def test_a_study_without_answers_is_no_report(benchmark, tmp_path):
    done = CliRunner().invoke(app, ["evaluate", "study-score", str(tmp_path), "missing.json"])
    assert done.exit_code == 2
    assert "Traceback" not in done.output
