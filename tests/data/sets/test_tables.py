import hashlib

import pytest

from audiostory.data.sets.tables import digest_of, read_table, read_text
from audiostory.errors import CorpusError
from tests.data.sets.files import write_text


def rows_of(tmp_path, text, columns=("id", "caption")):
    return list(read_table(write_text(tmp_path / "list.csv", text), columns))


def test_rows_know_the_line_they_begin_in(tmp_path):
    text = 'id,caption\r\n1,"rain, and\r\nwind"\r\n\r\n2,a café \r\n'
    first, second = rows_of(tmp_path, text)
    assert first.text("caption") == "rain, and\r\nwind"
    assert first.place == "list.csv:2"
    assert second.cells == {"id": "2", "caption": "a café"}
    assert second.place == "list.csv:5"


def test_a_table_without_a_header_has_the_columns_it_is_said_to_have(tmp_path):
    path = write_text(tmp_path / "list.csv", '---g-f_I2yQ,1,"a, b"\n\n-x,2,c\n')
    rows = list(read_table(path, ("video", "start", "label"), has_header=False))
    assert [row.cells["label"] for row in rows] == ["a, b", "c"]
    assert [row.place for row in rows] == ["list.csv:1", "list.csv:3"]
    with pytest.raises(CorpusError, match="list.csv:1: 3 cells for 2 columns"):
        list(read_table(path, ("video", "start"), has_header=False))


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    assert rows_of(tmp_path, "\ufeffid,caption\n1,rain\n")[0].text("id") == "1"


def test_odd_line_separators_inside_a_cell_do_not_end_a_row(tmp_path):
    (row,) = rows_of(tmp_path, "id,caption\n1,rain\u2028and\x0bwind\n")
    assert row.text("caption") == "rain\u2028and\x0bwind"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column id, caption; it has none"),
        ("id,text\n1,rain\n", "no column caption; it has id, text"),
        ("id,caption\n1,rain\n2\n", r"list\.csv:3: 1 cells for 2 columns"),
        ("id,caption\n1,rain, wind\n", r"list\.csv:2: 3 cells"),
        ('id,caption\n1,"rain" wind\n', r"list\.csv:2: not comma-separated"),
        ('id,caption\n1,rain\n2,"rain\n', r"list\.csv:3: not comma-separated"),
    ],
)
def test_a_malformed_table_is_refused_with_its_line(tmp_path, text, said):
    with pytest.raises(CorpusError, match=said):
        rows_of(tmp_path, text)


def test_cells_that_hold_nothing_or_no_time_are_refused(tmp_path):
    (row,) = rows_of(tmp_path, "id,caption,start\n1, ,-3\n")
    with pytest.raises(CorpusError, match=r"list\.csv:2: the column caption is empty"):
        row.text("caption")
    with pytest.raises(CorpusError, match="start is -3: not a time"):
        row.seconds("start")
    with pytest.raises(CorpusError, match="the column caption is empty"):
        row.seconds("caption")
    for text in ("soon", "nan", "inf"):
        (row,) = rows_of(tmp_path, f"id,caption,start\n1,rain,{text}\n")
        with pytest.raises(CorpusError, match="start"):
            row.seconds("start")


def test_text_that_is_not_utf8_is_refused_with_its_line(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes("id,caption\n1,rain\n2,café\n".encode("latin-1"))
    with pytest.raises(CorpusError, match=r"list\.csv:3: not UTF-8"):
        read_text(path)


def test_a_missing_file_is_told_with_a_way_out(tmp_path):
    with pytest.raises(CorpusError, match="download the data set"):
        read_text(tmp_path / "list.csv")
    with pytest.raises(CorpusError, match="cannot read"):
        digest_of(tmp_path / "list.csv")


def test_a_digest_is_that_of_the_bytes(tmp_path):
    path = write_text(tmp_path / "list.csv", "rain")
    assert digest_of(path) == hashlib.sha256(b"rain").hexdigest()[:12]
