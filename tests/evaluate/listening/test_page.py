import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from audiostory.evaluate.listening.page import page_data, page_html
from tests.evaluate.listening.studies import key

SYSTEMS = ("Zephyrine", "Mumblebox-9")


class Reader(HTMLParser):
    """Elements with their attributes, and the text of scripts by id."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.open = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.open = dict(attrs).get("id", "") if tag == "script" else None

    def handle_endtag(self, tag):
        self.open = None

    def handle_data(self, data):
        if self.open is not None:
            self.scripts[self.open] = self.scripts.get(self.open, "") + data


def study(**changes):
    return replace(key(systems=SYSTEMS), **changes)


def blind(one):
    tokens = {name: f"{place:012x}" for place, name in enumerate(one.sounds)}
    trials = {t: replace(trial, sound=tokens[trial.sound]) for t, trial in one.trials.items()}
    sounds = {tokens[name]: sound for name, sound in one.sounds.items()}
    return replace(one, sounds=sounds, trials=trials)


def test_the_page_names_no_system_and_no_item():
    text = page_html(blind(study()), "Ada")
    assert not re.search("Zephyrine|Mumblebox", text, re.IGNORECASE)
    assert "Ada" in text
    assert "Instruct-Follow" not in text


def test_the_page_fetches_nothing_but_its_own_sounds():
    page = Reader(page_html(study()))
    for tag, attributes in page.elements:
        assert tag not in ("img", "iframe", "object", "embed", "base")
        assert "src" not in attributes
        assert attributes.get("href", "data:,") == "data:,"
    assert not re.search(r"(https?:)?//[a-z]", page_html(study()).replace("// ", ""))
    policy = next(a["content"] for tag, a in page.elements if "http-equiv" in a)
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy


def test_the_script_is_told_what_the_participant_hears_in_order():
    one = blind(study())
    data = json.loads(Reader(page_html(one)).scripts["study"])
    assert data == json.loads(json.dumps(page_data(one, "")))
    sheet = data["participants"]["P01"]
    assert [row["trial"] for row in sheet] == ["P01-0", "P01-1", "P01-2", "P01-3"]
    assert [data["instructions"][row["instruction"]] for row in sheet[1:3]] == [
        "the text of x",
        "the text of y",
    ]
    assert all(row["sound"] in data["sounds"] for row in sheet)
    assert list(data["sounds"]) == sorted(data["sounds"])


def test_a_repeat_looks_like_any_other_trial():
    sheet = page_data(key(repeats=1), "")["participants"]["P01"]
    assert len({frozenset(row) for row in sheet}) == 1


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!-- <script>", "$title"])
def test_no_text_breaks_out_of_the_page(text):
    one = study(title=text, instructions={"x": text, "y": "another"})
    page = Reader(page_html(one, text))
    assert len(page.scripts) == 2
    assert text in json.loads(page.scripts["study"])["instructions"].values()
    assert not re.search(r"\$(title|css|script|data|sounds|steps|max_score)\b", page.scripts[""])


def test_embedded_sounds_are_carried_whole():
    files = {"check": b"noise", **{name: name.encode() * 50 for name in study().sounds}}
    scripts = Reader(page_html(study(), embedded=files)).scripts
    carried = {name.removeprefix("sound-"): base64.b64decode(t) for name, t in scripts.items()
               if name.startswith("sound-")}  # fmt: skip
    assert carried == files


def test_every_control_has_a_name():
    page = Reader(page_html(study()))
    labelled = {a["for"] for tag, a in page.elements if tag == "label"}
    for tag, attributes in page.elements:
        if tag in ("input", "select", "textarea"):
            assert attributes["id"] in labelled or attributes["aria-label"]
