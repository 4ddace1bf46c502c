import json

import pytest

from audiostory.errors import OutputError
from audiostory.evaluate.understanding.lines import append_line, remove_torn_line


def test_lines_follow_each_other_in_the_letters_they_were_written_in(tmp_path):
    path = tmp_path / "lines.jsonl"
    for text in ("rain", "雨\nrain"):
        append_line(path, {"text": text})
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["rain", "雨\nrain"]
    assert "雨" in lines[1]


@pytest.mark.parametrize(
    ("before", "after"), [(b"{}\n{}\n", b"{}\n{}\n"), (b'{}\n{"a', b"{}\n"), (b'{"a', b"")]
)
def test_only_a_line_without_an_end_is_removed(tmp_path, before, after):
    path = tmp_path / "lines.jsonl"
    path.write_bytes(before)
    remove_torn_line(path)
    assert path.read_bytes() == after


def test_what_cannot_be_written_is_told(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        append_line(tmp_path / "nowhere" / "lines.jsonl", {})
    with pytest.raises(OutputError, match="cannot go on"):
        remove_torn_line(tmp_path)
