import base64
import hashlib
import json
import os
import re
import shutil
from dataclasses import replace
from urllib.parse import unquote

import pytest

from audiostory.errors import OutputError
from audiostory.evaluate.benchmark.report.page import in_script, page_data, page_html
from audiostory.evaluate.benchmark.report.write import write_report
from tests.evaluate.benchmark.report.reports import HOSTILE, OURS, Reader, small_benchmark

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    root = tmp_path_factory.mktemp("benchmark")
    results, folders = small_benchmark(root)
    return results, folders, root / "report"


@pytest.fixture(scope="module")
def html(benchmark):
    return page_html(*benchmark)


def data_in(html):
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


def test_an_item_holds_the_answers_of_all_systems(benchmark, html):
    results, folders, _ = benchmark
    data = data_in(html)
    assert [one["name"] for one in data["systems"]] == [OURS, "brief", "reference"]
    first, second, *_ = data["items"]
    ours, brief, reference = first["answers"]
    assert (first["stratum"], first["duration_s"], first["span_s"]) == ("easy", 2.0, 2.0)
    assert (ours["duration_s"], brief["duration_s"]) == (2.0, 1.0)
    assert ours["plan"]["clips"] == [[0.0, 2.0, "rain"]]
    assert ours["plan"]["events"] == [[0.0, 2.0, "rain", "rain"]]
    assert brief["plan"] is None
    assert "ask for sun" in second["answers"][1]["refusal"]
    keys = [column["key"] for column in data["columns"]]
    assert keys == ["peak", "level"]
    assert ours["scores"][0] == folders[OURS].scores("item-0").popitem()[1]["peak"]
    assert reference["scores"] == [results.systems[2].scores[key][0] for key in keys]


def test_an_item_that_was_not_asked_yet_has_no_answer(benchmark):
    results, folders, out = benchmark
    later = replace(results.questions[0], id="item-9")
    given = replace(results, questions=(later, *results.questions[1:]))
    assert page_data(given, folders, out)["items"][0]["answers"] == [None, None, None]


def test_every_link_leads_to_a_track(benchmark, html):
    _, folders, out = benchmark
    for system in data_in(html)["systems"]:
        assert system["tracks"].startswith("../")
        assert re.fullmatch(r"[\w./%-]+", system["tracks"])
        track = out / unquote(system["tracks"]) / "item-0.flac"
        assert track.resolve() == folders[system["name"]].track("item-0").resolve()


def test_the_page_asks_nothing_of_anybody(html):
    assert not re.search(r"https?:|//\w", html.replace("// ", ""))
    assert "default-src 'none'" in html


def test_only_the_page_s_own_script_and_style_take_effect(html):
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in html


def test_a_question_cannot_end_the_script_that_holds_it(html):
    assert html.count("</script>") == 2
    assert "alert" in html
    assert "<script>alert" not in html
    assert data_in(html)["items"][0]["text"] == HOSTILE


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "&lt;", "\u2028 ]]>", "é 雨"])
def test_json_in_a_script_comes_back_as_it_was(text):
    written = in_script({"text": text})
    assert not set("<>&") & set(written)
    assert json.loads(written) == {"text": text}


def test_tables_notes_and_descriptions_are_there_without_a_script(html):
    reader = Reader(re.sub(r"<(script|style).*?</\1>|<!doctype html>", "", html, flags=re.DOTALL))
    assert reader.tables["Systems"][1][:3] == [OURS, "weights of <unknown> & more", "6 of 6"]
    assert "FD (embedded)" in reader.tables["Shipped ears"][0][1]
    assert "A &lt;note&gt;." in html
    assert "<noscript>" in html


def test_a_system_without_a_folder_is_told(benchmark):
    results, folders, out = benchmark
    with pytest.raises(OutputError, match="no folder is given for the system 'brief'"):
        page_html(results, {OURS: folders[OURS], "reference": folders["reference"]}, out)


@pytest.fixture(scope="module")
def written(benchmark):
    results, folders, out = benchmark
    write_report(results, folders, out)
    return out / "index.html"


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium found: install chromium")
    driver = pytest.importorskip("playwright.sync_api", reason="no playwright installed")
    with driver.sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield made
        made.close()


@pytest.fixture
def opened(browser, written):
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    page.on("dialog", lambda dialog: problems.append(dialog.message) or dialog.dismiss())
    page.goto(f"{written.as_uri()}#items")
    page.wait_for_selector("audio")
    yield page
    assert problems == []
    context.close()


PLAYING = "[...document.querySelectorAll('audio')].filter((a) => !a.paused).map((a) => a.ariaLabel)"
ORDER = "[...document.querySelectorAll('article:not([hidden])')].map((a) => a.id)"
CURRENT = "document.querySelector('article.current').id"


@pytest.mark.slow
def test_only_one_player_sounds_and_keys_rule_it(opened):
    opened.keyboard.press("1")
    opened.wait_for_function(f"{PLAYING}.length === 1")
    assert opened.evaluate(PLAYING) == [f"{OURS}: item-0"]
    opened.keyboard.press("3")
    opened.wait_for_function(f"{PLAYING}.includes('reference: item-0')")
    assert opened.evaluate(PLAYING) == ["reference: item-0"]
    opened.keyboard.press("Space")
    opened.wait_for_function(f"{PLAYING}.length === 0")
    opened.keyboard.press("j")
    assert opened.evaluate(CURRENT) == "item-item-1"
    opened.keyboard.press("2")  # refused: there is nothing to play
    assert opened.evaluate(PLAYING) == []
    assert "ask for sun" in opened.inner_text("article.current .refusal")
    opened.keyboard.press("k")
    opened.keyboard.press("k")
    assert opened.evaluate(CURRENT) == "item-item-0"


@pytest.mark.slow
def test_a_click_on_a_picture_plays_from_there(opened):
    picture = opened.locator("#item-item-0 .picture").nth(2)
    box = picture.bounding_box()
    picture.click(position={"x": box["width"] / 4, "y": 10})
    opened.wait_for_function(f"{PLAYING}.length === 1")
    assert opened.evaluate(PLAYING) == ["reference: item-0"]
    at_s = opened.evaluate("document.querySelectorAll('#item-item-0 audio')[2].currentTime")
    assert 0.45 <= at_s < 2.0


@pytest.mark.slow
def test_items_are_filtered_by_words_and_kind(opened):
    opened.fill("#find", "FALLS 4")
    assert opened.evaluate(ORDER) == ["item-item-4"]
    assert opened.inner_text("#count") == "1 of 6 items"
    assert opened.evaluate(CURRENT) == "item-item-4"
    opened.fill("#find", "")
    opened.select_option("#stratum", label="hard")
    assert opened.evaluate(ORDER) == [f"item-item-{k}" for k in (3, 4, 5)]
    opened.fill("#find", "no such words")
    assert opened.inner_text("#count") == "0 of 6 items"
    opened.keyboard.press("Escape")
    opened.keyboard.press("j")  # nowhere to go, and no error


@pytest.mark.slow
def test_items_are_sorted_by_a_score_and_by_a_difference_of_two_systems(opened, benchmark):
    ours, brief, _ = (dict(one.scores)["peak"] for one in benchmark[0].systems)
    opened.select_option("#score", label="Peak")
    opened.select_option("#way", label="highest")
    ranked = sorted(range(6), key=lambda k: -ours[k])
    assert opened.evaluate(ORDER) == [f"item-item-{k}" for k in ranked]
    opened.select_option("#less", label="brief")
    opened.select_option("#way", label="lowest")
    known = sorted((k for k in range(6) if k != 1), key=lambda k: ours[k] - brief[k])
    assert opened.evaluate(ORDER) == [f"item-item-{k}" for k in (*known, 1)]
    assert opened.inner_text("#count") == "6 of 6 items; 1 without this score stand last"
    told = opened.inner_text(f"#item-item-{known[0]} .sorted")
    assert told == f"Peak of {OURS} less brief: {ours[known[0]] - brief[known[0]]:.3f}"


@pytest.mark.slow
def test_texts_stay_texts_and_nothing_is_missing(opened):
    assert opened.text_content("#item-item-0 h3") == HOSTILE
    opened.check("#open")
    opened.wait_for_function(
        "[...document.querySelectorAll('#item-item-0 img')].every((i) => i.naturalWidth === 480)"
    )
    assert opened.locator("#item-item-0 .plan li").first.inner_text().split() == [
        "0:00.0–0:02.0",
        "rain",
    ]
    assert "Peak ↓" in opened.inner_text("#item-item-0 .scores")
    assert opened.locator(".problem").count() == 0


@pytest.mark.slow
def test_a_phone_needs_no_sideways_scrolling(browser, written):
    context = browser.new_context(viewport={"width": 360, "height": 780}, color_scheme="dark")
    page = context.new_page()
    page.goto(f"{written.as_uri()}#items")
    page.wait_for_selector("audio")
    page.check("#open")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    context.close()


@pytest.mark.slow
def test_without_a_script_the_tables_are_read_and_the_reader_is_told(browser, written):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(written.as_uri())
    assert page.locator("table").count() >= 5
    assert "scores.csv" in page.inner_text("noscript")
    assert not page.is_visible("#tools")
    context.close()
