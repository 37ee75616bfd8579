"""The layouts for sampling against the plain model: the same motion, within what is stated."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from afgen.generator.block import Drawn, draw_block
from afgen.generator.config import FRAME_CAUSAL, GeneratorConfig
from afgen.generator.continuity import Continuity
from afgen.generator.dual_motion_encoder import ConditionTensors
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


class _Elsewhere(TorchDispatchMode):
    """Notes the operations whose results do not lie on the `meta` device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor) and leaf.device.type != "meta":
                self.found.append(str(func))
        return out


def test_a_block_stays_on_its_device_and_looks_at_no_value() -> None:
    """What a recording on a GPU needs; on `meta` there are no values to look at."""
    with torch.device("meta"):
        model = MotionGenerator(WIDE).requires_grad_(False)
        reference_RD = torch.empty(2, WIDE.motion_dim)
        conditions = ConditionTensors(
            torch.empty(2, 10, WIDE.audio_dim),
            torch.empty(2, 10, WIDE.audio_dim),
            torch.empty(2, 10, WIDE.motion_dim),
            torch.ones(2, 3),
        )
    elsewhere = _Elsewhere()

    def watched(*given: Any) -> Drawn:
        with elsewhere:
            return draw_block(*given)

    continuity = Continuity(seam_frames=4, smooth_dims=2)
    sampler = MotionSampler(
        model, 4, continuity=continuity, context_noise=0.1, anchor=0.2, draw=watched
    )
    state = sampler.begin_tensors(reference_RD, [1, 2])
    for _ in range(2):
        _, state = sampler.step_tensors(conditions, state)
    assert elsewhere.found == []
