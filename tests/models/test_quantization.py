from __future__ import annotations

import pytest
import torch

from audiostory.errors import ConfigError
from audiostory.models.llm import LoraSettings
from audiostory.models.quantization import llm_bytes, quantize
from tests.tiny import tiny_model

IDS_BL = torch.tensor([[5, 80, 120, 200, 7]])


@torch.no_grad()
def test_int8_weights_take_fewer_bytes_and_say_nearly_the_same():
    pytest.importorskip("torchao")
    model, plain = tiny_model(), tiny_model()
    quantize(model, "int8")
    assert llm_bytes(model) < llm_bytes(plain)
    exact_BLD = plain.llm.hidden_states(IDS_BL)
    read_BLD = model.llm.new_memory().read(IDS_BL.tolist())
    assert float((read_BLD - exact_BLD).norm() / exact_BLD.norm()) < 0.05
    assert not torch.equal(read_BLD, exact_BLD)


def test_only_the_projections_of_the_blocks_are_touched():
    pytest.importorskip("torchao")
    model, plain = tiny_model(), tiny_model()
    quantize(model, "int8")
    for name, value in plain.state_dict().items():
        if ".layers." not in name or "norm" in name or name.endswith("bias"):
            assert torch.equal(model.state_dict()[name], value)


def test_what_cannot_be_quantized_is_refused_with_the_reason():
    model = tiny_model()
    with pytest.raises(ConfigError, match="there are int8, int4"):
        quantize(model, "int3")
    with pytest.raises(ConfigError, match="int4 weights need CUDA and bfloat16"):
        quantize(model, "int4")
    model.llm.add_lora(LoraSettings(rank=2))
    with pytest.raises(ConfigError, match="merge it before"):
        quantize(model, "int8")
