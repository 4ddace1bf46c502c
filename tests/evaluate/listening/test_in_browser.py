import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from audiostory.evaluate.listening.criteria import CRITERIA
from audiostory.evaluate.listening.scoring import score_study
from tests.evaluate.listening.studies import SYSTEMS, small_study

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found: install chromium"),
]
OPEN = "fieldset:enabled"


@pytest.fixture(scope="module")
def browser():
    driver = pytest.importorskip("playwright.sync_api", reason="no playwright installed")
    with driver.sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser) -> Iterator:
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda message: page.problems.append(message.text))
    yield page
    assert page.problems == []
    context.close()


def enter(page, study, participant="P01"):
    page.goto(f"{study.page.as_uri()}#{participant}")
    if page.input_value("#device") == "":
        page.select_option("#device", "headphones")
    page.click("#begin")
    page.wait_for_selector("#trial:not([hidden])")


def wanted(system, criterion) -> int:
    return (SYSTEMS.index(system) + criterion) % 6


def score_by_keys(page, scores):
    for score in scores:
        page.keyboard.press(str(score))


def listen(page):
    page.keyboard.press("Space")
    page.wait_for_selector(OPEN)


def saved(page) -> dict:
    with page.expect_download() as download:
        page.click("#save")
    values = json.loads(Path(download.value.path()).read_text())
    values["name"] = download.value.suggested_filename
    return values


def trials_of(study, participant="P01"):
    return [study.key.sounds[t.sound] for t in study.key.trials_of(participant).values()]


@pytest.mark.parametrize("audio", ["beside", "embedded"])
def test_a_study_done_by_keys_and_interrupted_comes_out_as_it_was_scored(opened, tmp_path, audio):
    study = small_study(tmp_path, tmp_path / "study", audio=audio, repeats=1)
    enter(opened, study)
    sounds = trials_of(study)
    for place, sound in enumerate(sounds):
        assert opened.inner_text("#trial-title").startswith(f"Track {place + 1} of {len(sounds)}")
        listen(opened)
        scores = [wanted(sound.system, k) for k in range(4)]
        score_by_keys(opened, scores[:2])
        if place == 2:
            opened.reload()
            opened.click("#begin")
            opened.wait_for_selector(OPEN)
        score_by_keys(opened, scores[2:])
        opened.keyboard.press("Enter")
    opened.fill("#comment", "a bell, surely")
    values = saved(opened)
    assert values.pop("name") == f"answers-{study.key.study}-P01.json"
    assert values["is_complete"] is True
    path = tmp_path / "P01.json"
    path.write_text(json.dumps(values))

    report = score_study(tmp_path / "study", [path], resamples=100)
    for one in report.means:
        place = [each.key for each in CRITERIA].index(one.criterion)
        assert one.mean == wanted(one.system, place)
    assert report.partial == ()
    assert report.absent == ("P02", "P03", "P04")
    assert report.drift == {"P01": 0}
    assert report.turnout[0].comment == "a bell, surely"


@pytest.fixture
def study(tmp_path):
    return small_study(tmp_path, tmp_path / "study")


def checked(page) -> list[str]:
    return [each.get_attribute("aria-label") for each in page.query_selector_all("input:checked")]


def test_nothing_can_be_scored_before_it_was_heard(opened, study):
    enter(opened, study)
    score_by_keys(opened, [5, 5])
    opened.keyboard.press("Enter")
    assert opened.inner_text("#say") == "Listen first."
    assert checked(opened) == []
    assert opened.inner_text("#trial-title").startswith("Track 1")


def test_jumping_to_the_end_is_not_listening(opened, tmp_path):
    study = small_study(tmp_path, tmp_path / "study", min_listened=0.9)
    enter(opened, study)
    opened.locator("#position").evaluate(
        "e => { e.value = 0.4; e.dispatchEvent(new Event('input')); }"
    )
    opened.keyboard.press("Space")
    opened.wait_for_timeout(600)
    assert opened.query_selector(OPEN) is None
    opened.keyboard.press("Space")
    opened.wait_for_selector(OPEN)


def test_arrows_move_between_questions_and_scores_without_wrapping(opened, study):
    enter(opened, study)
    listen(opened)
    for key in ("3", "ArrowUp", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight"):
        opened.keyboard.press(key)
    assert checked(opened) == ["5, excellent"]
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft"):
        opened.keyboard.press(key)
    assert checked(opened) == ["5, excellent", "4, good"]


def test_a_key_held_too_long_scores_one_question_only(opened, study):
    enter(opened, study)
    listen(opened)
    for _ in range(5):
        opened.keyboard.down("4")
    opened.keyboard.up("4")
    assert checked(opened) == ["4, good"]


def test_what_is_still_to_score_is_said(opened, study):
    enter(opened, study)
    listen(opened)
    score_by_keys(opened, [1, 2])
    opened.keyboard.press("Enter")
    assert opened.inner_text("#say") == "Still to score: Generation quality, Reasoning logic."


def test_an_incomplete_file_says_so_and_can_be_gone_on_from(opened, study):
    enter(opened, study)
    listen(opened)
    score_by_keys(opened, [1, 2, 3, 4])
    opened.keyboard.press("Enter")
    opened.click("#save-part")
    values = saved(opened)
    assert values["name"].endswith("-P01-incomplete.json")
    assert values["is_complete"] is False
    assert [len(one["scores"]) for one in values["answers"]] == [4, 0]
    opened.click("#resume")
    assert opened.inner_text("#trial-title").startswith("Track 2")


def test_going_back_stays_within_one_text(opened, study):
    enter(opened, study)
    assert not opened.is_visible("#back")
    listen(opened)
    score_by_keys(opened, [1, 2, 3, 4])
    opened.keyboard.press("Enter")
    opened.click("#back")
    assert checked(opened) == ["1, bad", "2, poor", "3, fair", "4, good"]


def test_an_unknown_id_is_refused_in_words(opened, study):
    opened.goto(f"{study.page.as_uri()}#P99")
    opened.select_option("#device", "headphones")
    opened.click("#begin")
    assert "knows no such id" in opened.inner_text("#participant-problem")


def test_a_track_that_cannot_be_played_does_not_end_the_study(opened, study):
    first = next(iter(study.key.trials_of("P01").values())).sound
    (study.page.parent / "audio" / f"{first}.mp3").unlink()
    enter(opened, study)
    opened.wait_for_selector("#say:has-text('cannot be played')")
    opened.problems.clear()  # the browser itself reports the missing file
    opened.keyboard.press("Enter")
    assert opened.inner_text("#trial-title").startswith("Track 2")
    opened.click("#save-part")
    assert saved(opened)["answers"][0]["problem"] != ""


def test_damaged_memory_is_told_and_the_study_begins_anew(opened, study):
    opened.goto(f"{study.page.as_uri()}#P01")
    name = f"audiostory-listening:{study.key.study}:P01"
    opened.evaluate("name => localStorage.setItem(name, '{torn')", name)
    opened.select_option("#device", "headphones")
    opened.click("#begin")
    assert "damaged" in opened.inner_text("#notice")
    assert opened.inner_text("#trial-title").startswith("Track 1")
    assert opened.evaluate("name => localStorage.getItem(name + ':damaged')", name) == "{torn"


def test_two_tabs_do_not_write_over_each_other(opened, study):
    enter(opened, study)
    other = opened.context.new_page()
    enter(other, study)
    listen(other)
    score_by_keys(other, [4, 3])
    opened.keyboard.press("Space")
    opened.wait_for_selector("#notice:has-text('another tab')")
    assert not opened.is_visible("#trial")
    opened.reload()
    opened.click("#begin")
    opened.wait_for_selector(OPEN)
    assert checked(opened) == ["4, good", "3, fair"]


def test_the_page_fits_a_phone(opened, study):
    opened.set_viewport_size({"width": 320, "height": 640})
    enter(opened, study)
    assert opened.evaluate("document.documentElement.scrollWidth") == 320
    for label in opened.query_selector_all(".scale label"):
        assert label.bounding_box()["height"] >= 24
