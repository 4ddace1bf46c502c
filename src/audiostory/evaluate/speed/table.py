"""A bench report as text: a Markdown table, and what the hardware could do."""

from __future__ import annotations

from audiostory.evaluate.speed.run import BenchReport, Timing

COLUMNS = (
    "schedule", "wall", "faster", "first clip", "planning", "tokens/s", "rendering",
    "clip-s/s", "peak memory", "latents differ by",
)  # fmt: skip


def markdown(report: BenchReport) -> str:
    """The report as a page."""
    limits = report.limits
    lines = [
        f"{report.subject}; {report.hardware}; story of {report.story}; {report.turns} turns",
        "",
        _row(COLUMNS),
        _row(["---"] * len(COLUMNS)),
        *(_row(cells(timing)) for timing in report.timings),
        "",
        f"decoding: {limits.bytes_per_token / 1e6:.1f} MB are read per token; at "
        f"{limits.bandwidth_gb_s:.1f} GB/s that is {limits.decode_limit:.0f} tokens/s at most; one "
        f"text, step by step, comes to {limits.decode_share:.0%} of it",
        f"denoising: at {limits.teraflops:.3g} Tflop/s {limits.dit_limit:.3g} clip-seconds/s at "
        "most; ours, decoding of the latents and joins included, comes to "
        + ("no share of its own" if limits.dit_share is None else f"{limits.dit_share:.0%}"),
    ]
    return "\n".join(lines) + "\n"


def cells(timing: Timing) -> list[str]:
    """One schedule's numbers as text."""
    memory, share = timing.peak_bytes, timing.memory_share
    return [
        timing.schedule,
        f"{timing.total_s:.2f} s",
        f"{timing.speedup:.2f}x",
        f"{timing.first_clip_s:.2f} s",
        f"{timing.planning_s:.2f} s",
        "-" if timing.tokens_per_s is None else f"{timing.tokens_per_s:.0f}",
        f"{timing.rendering_s:.2f} s",
        "-" if timing.clip_s_per_s is None else f"{timing.clip_s_per_s:.2f}",
        "unknown" if memory is None or share is None else f"{memory / 1e9:.2f} GB ({share:.0%})",
        "-" if timing.latents_error is None else f"{timing.latents_error:.1e}",
    ]


def _row(values: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(values)} |"
