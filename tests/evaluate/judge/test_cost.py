import dataclasses
from pathlib import Path

import pytest

from audiostory.chat import ChatAnswer, ChatRequest
from audiostory.errors import ConfigError
from audiostory.evaluate.judge.cost import (
    Budget,
    BudgetError,
    Price,
    Usage,
    billed,
    expected_usage,
    load_prices,
    price_for,
    usage_of,
    worst_usage,
)
from tests.evaluate.judge.test_question import ask

PRICE = Price(
    model="m",
    input_per_million=1.0,
    audio_per_million=7.0,
    output_per_million=4.0,
    audio_tokens_per_s=32,
    date="2026-01-02",
    source="a test",
)
TABLE = """
[[price]]
model = "gemini-x"
input_per_million = 0.1
audio_per_million = 0.7
output_per_million = 0.4
audio_tokens_per_s = 32
date = "2026-01-02"
source = "https://example.org/prices"
"""


def test_text_sound_and_answers_have_their_own_prices():
    used = Usage(asks=1, input_tokens=3e6, audio_tokens=2e6, output_tokens=5e5)
    assert PRICE.of(used) == pytest.approx(1 * 1.0 + 2 * 7.0 + 0.5 * 4.0)


def test_usage_is_what_all_answers_took():
    answers = [
        ChatAnswer(text="", model="m", input_tokens=10, audio_tokens=8, output_tokens=1),
        ChatAnswer(text="", model="m", input_tokens=5, output_tokens=2, asks=3),
    ]
    assert usage_of(answers) == Usage(asks=4, input_tokens=15, audio_tokens=8, output_tokens=3)


def test_a_table_of_prices_tells_when_and_where_they_were_read(tmp_path):
    path = tmp_path / "prices.toml"
    path.write_text(TABLE)
    (price,) = load_prices(path)
    assert (price.date, price.source) == ("2026-01-02", "https://example.org/prices")


def test_the_table_in_the_documentation_is_one(tmp_path):
    page = Path(__file__).parents[3] / "docs" / "benchmark.md"
    _, _, rest = page.read_text(encoding="utf-8").partition("```toml\n[[price]]")
    path = tmp_path / "prices.toml"
    path.write_text("[[price]]" + rest.partition("```")[0])
    (price,) = load_prices(path)
    assert price_for("gemini:gemini-2.0-flash", [price]) is price


@pytest.mark.parametrize("missing", ["date", "source", "output_per_million"])
def test_a_price_without_its_origin_is_refused(tmp_path, missing):
    path = tmp_path / "prices.toml"
    path.write_text("\n".join(one for one in TABLE.splitlines() if not one.startswith(missing)))
    with pytest.raises(ConfigError, match=missing):
        load_prices(path)


@pytest.mark.parametrize(
    "name",
    ["gemini:m", "openai:m@http://localhost:8000/v1", "openai:m?structured=text", "m"],
)
def test_a_price_is_found_by_the_model_wherever_it_is_served(name):
    assert price_for(name, [PRICE]) is PRICE


def test_an_unknown_price_is_none_and_not_nothing():
    assert price_for("gemini:other", [PRICE]) is None


def test_the_worst_is_never_less_than_what_is_expected():
    request = ask().request
    expected, worst = expected_usage(request, 60.0, PRICE), worst_usage(request, 60.0, PRICE)
    assert expected.audio_tokens == 1_920
    assert worst.asks == request.max_asks
    assert worst.audio_tokens == 3 * 1_920
    assert PRICE.of(worst) > 3 * PRICE.of(expected)


def test_a_budget_of_answers_counts_what_may_still_come():
    budget = Budget(max_requests=4)
    worst = Usage(asks=3)
    budget.set_aside(worst)
    with pytest.raises(BudgetError, match="max_requests=4"):
        budget.set_aside(worst)
    budget.settle(worst, Usage(asks=1))
    budget.set_aside(worst)
    budget.settle(worst, Usage(asks=1))
    assert budget.spent.asks == 2
    with pytest.raises(BudgetError, match="2 answers came"):
        budget.set_aside(worst)


def test_a_budget_of_money_stops_before_it_is_passed():
    budget = Budget(max_cost=10.0, price=PRICE)
    worst = Usage(output_tokens=1e6)  # 4 USD
    for _ in range(2):
        budget.set_aside(worst)
        budget.settle(worst, worst)
    with pytest.raises(BudgetError, match=r"8\.0000 USD are spent.*max_cost=10"):
        budget.set_aside(worst)
    assert PRICE.of(budget.spent) == pytest.approx(8.0)


def test_an_api_that_counts_no_tokens_does_not_pass_for_free():
    budget = Budget(max_cost=10.0, price=PRICE)
    worst = Usage(asks=3, input_tokens=10, output_tokens=1e6)
    budget.set_aside(worst)
    budget.settle(worst, Usage(asks=1))
    assert PRICE.of(budget.spent) == pytest.approx(PRICE.of(worst))
    assert budget.spent.asks == 1


def test_sound_that_an_api_does_not_count_is_billed_as_sound():
    worst = Usage(asks=3, input_tokens=9_000, audio_tokens=6_000, output_tokens=300)
    told = Usage(asks=2, input_tokens=5_000, output_tokens=10)
    assert billed(told, worst) == dataclasses.replace(told, audio_tokens=4_000)
    without = Usage(asks=2, input_tokens=100, output_tokens=10)
    assert billed(without, worst).input_tokens == 4_100


@pytest.mark.parametrize(
    "used",
    [
        Usage(),
        Usage(asks=1, input_tokens=10, audio_tokens=8, output_tokens=1),
        Usage(asks=3, input_tokens=10, audio_tokens=8, output_tokens=1),
    ],
)
def test_what_an_api_counts_is_billed_as_it_counts(used):
    assert billed(used, Usage(asks=3, input_tokens=90, audio_tokens=60, output_tokens=3)) == used


def test_a_question_without_sound_is_billed_without_sound():
    used = Usage(asks=1, input_tokens=10, output_tokens=1)
    assert billed(used, Usage(asks=3, input_tokens=90, output_tokens=30)) == used


def test_a_limit_holds_where_sound_is_not_counted_apart():
    budget = Budget(max_cost=1.0, price=PRICE)
    worst = Usage(asks=1, input_tokens=3_000, audio_tokens=2_900, output_tokens=100)
    for _ in range(int(1.0 / PRICE.of(worst))):
        budget.set_aside(worst)
        budget.settle(worst, Usage(asks=1, input_tokens=3_000, output_tokens=100))
    with pytest.raises(BudgetError, match="max_cost=1"):
        budget.set_aside(worst)


def test_what_earlier_runs_spent_counts_towards_a_limit():
    budget = Budget(max_cost=10.0, price=PRICE)
    budget.before = Usage(asks=5, output_tokens=2e6)  # 8 USD
    with pytest.raises(BudgetError, match=r"8\.0000 USD are spent, 8\.0000 of it by earlier runs"):
        budget.set_aside(Usage(asks=1, output_tokens=1e6))
    assert budget.spent == Usage()


def test_a_budget_of_money_needs_a_price():
    with pytest.raises(ConfigError, match="price table"):
        Budget(max_cost=1.0)


def test_without_a_limit_all_is_allowed():
    budget = Budget()
    for _ in range(100):
        budget.set_aside(Usage(asks=1_000_000))


def test_a_longer_question_may_cost_more():
    short, long = (worst_usage(ChatRequest(text="a" * n), 0.0, PRICE) for n in (10, 1_000))
    assert long.input_tokens - short.input_tokens == 3 * 990
