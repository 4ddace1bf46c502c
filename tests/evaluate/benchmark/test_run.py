from dataclasses import replace
from types import SimpleNamespace

import pytest

from audiostory.chat import ChatUnavailableError, UnusableAnswerError
from audiostory.errors import (
    AudioError,
    CheckpointError,
    ConfigError,
    CorpusError,
    DeviceMemoryError,
    InstructionError,
    MeasureError,
    OutputError,
    PlanError,
    UnavailableError,
)
from audiostory.evaluate.benchmark.folder import RunFolder
from audiostory.evaluate.benchmark.run import (
    answer_items,
    asking,
    measure_items,
    reference_answers,
)
from audiostory.evaluate.benchmark.suite import digest_of
from audiostory.evaluate.metric import UnscoredError
from audiostory.generate.batch.claims import claim
from tests.evaluate.benchmark.systems import (
    EAR,
    ITEMS,
    SET,
    Ear,
    NoiseSystem,
    Peak,
    plan,
    run_card,
    suite,
)
from tests.evaluate.tracks import noise


def opened(path):
    folder = RunFolder(path)
    folder.open(run_card(), ITEMS)
    return folder


def test_every_item_is_asked_once_however_often_a_run_is_begun(tmp_path):
    folder, system = opened(tmp_path), NoiseSystem()
    assert [one.id for one in answer_items(system, ITEMS[:4], folder)] == system.asked
    list(answer_items(system, ITEMS, folder))
    assert system.asked == [one.id for one in ITEMS]


def test_a_refused_item_is_recorded_with_its_reason_and_the_rest_goes_on(tmp_path):
    folder, system = opened(tmp_path), NoiseSystem(refused=("item-1",))
    list(answer_items(system, ITEMS, folder))
    assert "ask for sun" in folder.record(ITEMS[1]).refusal
    assert folder.record(ITEMS[5]).has_track


@pytest.mark.parametrize("kind", [InstructionError, PlanError, AudioError, UnusableAnswerError])
def test_what_a_system_cannot_do_with_an_item_is_a_refusal(tmp_path, kind):
    def unable(_):
        raise kind("not this one")

    folder = opened(tmp_path)
    list(answer_items(unable, ITEMS[:2], folder))
    assert [folder.record(one).refusal for one in ITEMS[:2]] == ["not this one"] * 2


@pytest.mark.parametrize(
    "kind",
    [
        *(ChatUnavailableError, UnavailableError, CorpusError, CheckpointError, ConfigError),
        DeviceMemoryError,
    ],
)
def test_what_ails_all_items_ends_the_run_and_is_asked_again_by_the_next(tmp_path, kind):
    folder, system = opened(tmp_path), NoiseSystem()

    def dies(one):
        if len(system.asked) == 2:
            raise kind("nobody answers")
        return system(one)

    with pytest.raises(kind, match="nobody answers"):
        list(answer_items(dies, ITEMS, folder))
    assert folder.record(ITEMS[2]) is None
    list(answer_items(system, ITEMS, folder))
    assert system.asked == [one.id for one in ITEMS]


def test_an_item_that_somebody_else_works_on_is_left_to_them(tmp_path):
    folder, system = opened(tmp_path), NoiseSystem()
    folder.lock("item-2").parent.mkdir(parents=True)
    with claim(folder.lock("item-2")):
        list(answer_items(system, ITEMS, folder))
    assert "item-2" not in system.asked
    assert len(system.asked) == 5


def test_what_cannot_be_written_stops_the_run(tmp_path):
    def full(_):
        raise OutputError("the disk is full")

    with pytest.raises(OutputError, match="full"):
        list(answer_items(full, ITEMS, opened(tmp_path)))


def test_tracks_are_heard_and_scored_once(tmp_path):
    folder, ear, peak = opened(tmp_path), Ear(), Peak()
    list(answer_items(NoiseSystem(), ITEMS, folder))
    measured = suite(encoders={"ear": ear}, item_metrics=(peak,))
    measure_items(measured, replace(SET, items=ITEMS[:2]), folder)
    measure_items(measured, SET, folder)
    measure_items(measured, SET, folder)
    assert ear.heard == 6
    assert peak.measured == [one.id for one in ITEMS]
    scores = folder.scores("item-3")[digest_of(Peak.columns)]
    assert scores["peak"] > scores["level"] > 0


def test_a_metric_added_later_measures_what_is_there_already(tmp_path):
    folder, system = opened(tmp_path), NoiseSystem()
    list(answer_items(system, ITEMS, folder))
    measure_items(suite(item_metrics=()), SET, folder)
    measure_items(suite(), SET, folder)
    assert len(folder.scores("item-0")) == 1
    assert len(system.asked) == 6


def test_what_is_answered_again_is_measured_again(tmp_path):
    class Length:
        columns = (replace(Peak.columns[0], key="length"),)

        def measure(self, subject):
            return {"length": subject.waveform.duration_s}

    folder, measures = opened(tmp_path), suite(item_metrics=(Length(),))
    list(answer_items(NoiseSystem(), ITEMS, folder))
    measure_items(measures, SET, folder)
    (folder.path / "records" / "item-0.json").unlink()  # as ``subject_of`` advises
    changed = replace(SET, items=(ITEMS[0], replace(ITEMS[1], seed=99), *ITEMS[2:]))

    def longer(_):
        return noise(3.0), None

    assert len(list(answer_items(longer, changed.items, folder))) == 2
    measure_items(measures, changed, folder)
    digest = digest_of(Length.columns)
    lengths = [folder.scores(one.id)[digest]["length"] for one in ITEMS[:3]]
    assert lengths == [3.0, 3.0, 2.0]


def test_items_without_a_track_have_no_scores(tmp_path):
    folder = opened(tmp_path)
    list(answer_items(NoiseSystem(refused=("item-1",)), ITEMS, folder))
    measure_items(suite(), SET, folder)
    assert folder.scores("item-1") == {}
    assert folder.features(EAR, "item-1") is None


def test_references_answer_their_own_set(tmp_path):
    folder = opened(tmp_path)
    list(answer_items(reference_answers(SET), ITEMS, folder))
    assert folder.record(ITEMS[0]).has_track
    with pytest.raises(MeasureError, match="--corpus"):
        reference_answers(replace(SET, has_references=False))


def test_a_system_without_plans_of_its_own_gives_none():
    class System:
        def generate(self, instruction, *, seed=0):
            return SimpleNamespace(waveform=noise(1.0), plan=plan())

    assert asking(System())(ITEMS[0])[1] == plan()
    assert asking(System(), has_plan=False)(ITEMS[0])[1] is None


def test_what_could_not_be_scored_is_told_and_tried_again(tmp_path):
    class Moody(Peak):
        is_willing = False

        def measure(self, subject):
            if subject.item.id == "item-2" and not self.is_willing:
                raise UnscoredError("the judge is asleep")
            return super().measure(subject)

    folder, moody = opened(tmp_path), Moody()
    list(answer_items(NoiseSystem(), ITEMS, folder))
    (one,) = measure_items(suite(item_metrics=(moody,)), SET, folder)
    assert (one.item, one.why) == ("item-2", "the judge is asleep")
    assert folder.scores("item-2") == {}
    moody.is_willing = True
    assert measure_items(suite(item_metrics=(moody,)), SET, folder) == ()
    assert moody.measured.count("item-2") == moody.measured.count("item-1") == 1


def test_a_metric_that_cannot_go_on_leaves_the_others_theirs(tmp_path):
    class Judge(Peak):
        columns = (replace(Peak.columns[0], key="instruct"),)

        def measure(self, subject):
            self.measured.append(subject.item.id)
            if len(self.measured) > 2:
                raise ChatUnavailableError("no connection")
            return {"instruct": 4.0}

    folder, judge, peak = opened(tmp_path), Judge(), Peak()
    list(answer_items(NoiseSystem(), ITEMS, folder))
    with pytest.raises(ChatUnavailableError, match="no connection"):
        measure_items(suite(item_metrics=(judge, peak)), SET, folder)
    assert judge.measured == [one.id for one in ITEMS[:3]]
    assert peak.measured == [one.id for one in ITEMS]
    assert digest_of(Judge.columns) in folder.scores("item-1")


def test_a_track_that_cannot_be_read_is_named(tmp_path):
    folder = opened(tmp_path)
    list(answer_items(NoiseSystem(), ITEMS, folder))
    folder.track("item-3").write_bytes(b"no sound")
    with pytest.raises(AudioError, match="item-3: .*remove its record"):
        measure_items(suite(), SET, folder)
