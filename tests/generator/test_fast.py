"""The layouts for sampling against the plain model: the same motion, within what is stated."""

import copy

import numpy as np
import pytest
import torch

from afgen.generator.config import FRAME_CAUSAL, GeneratorConfig
from afgen.generator.model import MotionGenerator
from afgen.generator.stream import MotionSampler, stream
from afgen.generator.weights import ready_to_sample
from afgen.nn.layout import PACKED_FROM, PackedLinear
from tests.generator.small import CONFIG, blocks, reference

WIDE = GeneratorConfig(
    motion_dim=CONFIG.motion_dim,
    audio_dim=CONFIG.audio_dim,
    condition_width=16,
    condition_heads=2,
    width=PACKED_FROM,
    depth=2,
    heads=8,
    self_sees=FRAME_CAUSAL,
)


def run(model: MotionGenerator) -> np.ndarray:
    made = stream(MotionSampler(model, nfe=4), iter(blocks(40)), reference(), seed=1)
    return np.concatenate([block.motion_TD for block, _ in made])


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.1)], ids=str
)
def test_fast_equals_plain(dtype: torch.dtype, tolerance: float) -> None:
    if dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        pytest.skip("this processor has no bfloat16")
    torch.manual_seed(0)
    plain = MotionGenerator(WIDE).eval().requires_grad_(False)
    for parameter in plain.parameters():
        parameter.normal_(std=parameter.shape[-1] ** -0.5 if parameter.ndim > 1 else 0.1)
    fast = ready_to_sample(copy.deepcopy(plain), device="cpu", dtype=dtype)
    assert any(isinstance(layer, PackedLinear) for layer in fast.modules())
    expected, made = run(plain), run(fast)
    assert expected.std() > 0.3
    error_T = np.abs(made - expected).max(axis=1)
    assert error_T.max() < tolerance, f"worst frame {int(error_T.argmax())}: {error_T.max():.5f}"
