from __future__ import annotations

from audiostory.evaluate.speed.run import BenchReport, Limits, Timing
from audiostory.evaluate.speed.table import COLUMNS, markdown

TIMING = Timing(
    schedule="ours",
    total_s=2.0,
    first_clip_s=1.0,
    planning_s=0.5,
    rendering_s=1.5,
    tokens_per_s=160.0,
    clip_s_per_s=20.0,
    peak_bytes=5 * 10**8,
    speedup=4.5,
    memory_share=0.6,
    latents_error=None,
)
LIMITS = Limits(
    bandwidth_gb_s=20.0,
    bytes_per_token=22_000_000,
    decode_limit=909.0,
    decode_share=0.5,
    teraflops=0.05,
    dit_limit=16.0,
    dit_share=0.25,
)


def test_the_page_is_a_table_with_a_row_per_schedule_and_the_limits():
    report = BenchReport(
        subject="nano", hardware="2 threads of a CPU", story="60 s, 5 clips", turns=1,
        timings=(TIMING, TIMING), limits=LIMITS,
    )  # fmt: skip
    page = markdown(report)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert {row.count("|") for row in rows} == {len(COLUMNS) + 1}
    assert "4.50x" in page
    assert "0.50 GB (60%)" in page
    assert "909 tokens/s at most" in page
