"""How much memory loading takes beside the weights themselves, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import released_folder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WIDTH, KEYS, INNER, LAYERS = 1024, 256, 2048, 16
"""Sizes of a language model of 144 million parameters: no tensor is a large part of it."""
MOST = 1.15
"""Most memory at once, as a share of the weights."""

MEASURE = """
import json, sys
import torch
from audiostory.models import tensor_files
from audiostory.models.pretrained import load_pretrained

def peak() -> int:
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

small, large, dtype = sys.argv[1:]
load_pretrained(small)  # what is imported and built on first use is no matter of a model's size
tensor_files.GROUP_BYTES //= 16  # as much smaller as this model is than the released one
before = peak()
model = load_pretrained(large, dtype=getattr(torch, dtype)).model
weights = sum(parameter.nbytes for parameter in model.parameters())
print(json.dumps({"weights": weights, "grown": peak() - before}))
"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    """A tiny release, and one whose weights take 580 MB on disk."""
    if not Path("/proc/self/status").is_file():
        pytest.skip("the peak of a process is read from /proc")
    root = tmp_path_factory.mktemp("releases")
    small = released_folder.write_release(root / "small")
    sizes = {
        "H": WIDTH,
        "LAYERS": LAYERS,
        "INNER": INNER,
        "PROJECTIONS": {
            "self_attn.q_proj": (WIDTH, WIDTH),
            "self_attn.k_proj": (KEYS, WIDTH),
            "self_attn.v_proj": (KEYS, WIDTH),
            "self_attn.o_proj": (WIDTH, WIDTH),
            "mlp.gate_proj": (INNER, WIDTH),
            "mlp.up_proj": (INNER, WIDTH),
            "mlp.down_proj": (WIDTH, INNER),
        },
        "BASE_CONFIG": released_folder.BASE_CONFIG
        | {
            "hidden_size": WIDTH,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 8,
            "num_key_value_heads": 2,
            "intermediate_size": INNER,
        },
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sizes.items():
            patch.setattr(released_folder, name, value)
        plain = {"lora_alpha": 8, "num_t5_out_tokens": 4, "num_aud_out_tokens": 2}
        return small, released_folder.write_release(root / "large", plain=plain)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_loading_takes_little_more_memory_than_the_weights(folders, dtype):
    words = [sys.executable, "-c", MEASURE, *map(str, folders), dtype]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    measured = json.loads(result.stdout)
    assert measured["weights"] > 280e6
    ratio = measured["grown"] / measured["weights"]
    assert ratio <= MOST, f"{ratio:.3f} times the weights"
