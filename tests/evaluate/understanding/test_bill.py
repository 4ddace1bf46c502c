from concurrent.futures import ThreadPoolExecutor

import pytest

from audiostory.errors import OutputError
from audiostory.evaluate.judge.cost import Usage
from audiostory.evaluate.understanding.bill import Bill, bill_beside

ONE = Usage(asks=1, input_tokens=100, audio_tokens=64, output_tokens=10)


def test_a_bill_goes_on_where_an_earlier_run_left_it(tmp_path):
    path = bill_beside(tmp_path / "said.jsonl")
    assert Bill(path).total == Usage()
    assert not path.exists()
    Bill(path).add(ONE)
    Bill(path).add(ONE)
    assert Bill(path).total == ONE + ONE


def test_threads_share_a_bill(tmp_path):
    bill = Bill(tmp_path / "bill")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bill.add, [ONE] * 40))
    assert bill.total == Bill(tmp_path / "bill").total == sum([ONE] * 40, Usage())


def test_a_line_that_a_kill_left_unfinished_is_dropped(tmp_path):
    Bill(tmp_path / "bill").add(ONE)
    with (tmp_path / "bill").open("a") as file:
        file.write('{"asks": 1, "inp')
    assert Bill(tmp_path / "bill").total == ONE


def test_a_file_that_is_no_bill_is_refused(tmp_path):
    (tmp_path / "bill").write_text('{"id": "rain"}\n')
    with pytest.raises(OutputError, match="no bill of questions"):
        Bill(tmp_path / "bill")
