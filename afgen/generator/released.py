"""The public checkpoints of the method's authors: their names of the weights to ours.

Only the generator's part (`flow_transformer` and the audio projection). The layout is the same but
for names, and for the fused projections of the two condition attentions, which hold query, key and
value together there.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from afgen.checkpoint import check_layout
from afgen.clock import BLOCK_FRAMES
from afgen.errors import WeightsMismatchError
from afgen.generator.config import GeneratorConfig, released
from afgen.generator.model import MotionGenerator

_PROJECTION = "audio_encoder.audio_projection."
_TRANSFORMER = "flow_transformer."
_EMBEDDER = _TRANSFORMER + "c_embedder."
PREFIXES = (_PROJECTION, _TRANSFORMER)  # of the entries that are the generator's
_NAMES = {  # ours to theirs, the rest of the name unchanged
    "dual.audio.": _PROJECTION,
    "dual.motion.": _EMBEDDER + "motion_embedder.",
    "dual.user_attention.proj.": _EMBEDDER + "dual_modal_attn.out_proj.",
    "dual.user_norm.": _EMBEDDER + "ln1.",
    "dual.avatar_attention.proj.": _EMBEDDER + "user_agent_attn.out_proj.",
    "dual.avatar_norm.": _EMBEDDER + "ln2.",
    "dual.out.": _EMBEDDER + "to_cond_user.",
    "dfot.embed.": _TRANSFORMER + "x_embedder.proj.",
    "dfot.time.fc1.": _TRANSFORMER + "t_embedder.mlp.0.",
    "dfot.time.fc2.": _TRANSFORMER + "t_embedder.mlp.2.",
    "dfot.modulation.linear.": _TRANSFORMER + "adaLN_modulation.1.",
    "dfot.blocks.": _TRANSFORMER + "blocks.",
    "dfot.final_modulation.linear.": _TRANSFORMER + "final_layer.adaLN_modulation.1.",
    "dfot.final.": _TRANSFORMER + "final_layer.linear.",
}
_FUSED = {  # query, key and value of one attention: ours to theirs
    "dual.user_attention.": _EMBEDDER + "dual_modal_attn.in_proj_",
    "dual.avatar_attention.": _EMBEDDER + "user_agent_attn.in_proj_",
}
_MASK_TABLE = _TRANSFORMER + "block_bidir_causal_lookahead_mask"
_TABLES = (_TRANSFORMER + "alignment_mask", _MASK_TABLE)  # buffers; ours is configuration


def from_released(
    weights: Mapping[str, Tensor], *, heads: int = 8
) -> tuple[GeneratorConfig, dict[str, Tensor]]:
    """Configuration and weights of a MotionGenerator from those of the public checkpoint.

    The number of heads cannot be seen from the weights. Raises WeightsMismatchError naming the
    entries that are missing, unexpected or misshapen.
    """
    stored = {name: tensor for name, tensor in weights.items() if name not in _TABLES}
    config = _config(stored, heads)
    check_layout(stored, layout(config), where="the public checkpoint of the generator")
    ours: dict[str, Tensor] = {}
    for name, tensor in stored.items():
        ours.update(_renamed(name, tensor))
    return config, ours


def layout(config: GeneratorConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the public checkpoint of a generator of this size, less its tables."""
    with torch.device("meta"):
        own = MotionGenerator(config).state_dict()
    public: dict[str, tuple[int, ...]] = {}
    for name, tensor in own.items():
        attention, _, part = name.rpartition(".q.")
        if f"{attention}." in _FUSED:
            public[_FUSED[f"{attention}."] + part] = (3 * tensor.shape[0], *tensor.shape[1:])
        elif not name.startswith(tuple(f"{ours}kv." for ours in _FUSED)):
            ours = next(prefix for prefix in _NAMES if name.startswith(prefix))
            public[_NAMES[ours] + name.removeprefix(ours)] = tuple(tensor.shape)
    return public


def mask_agrees(weights: Mapping[str, Tensor]) -> bool | None:
    """Whether the table of what sees what that the file holds is the configuration's mask.

    None where there is no table. Frame 0 always sees itself, so what equals its entry is seen,
    however the table writes that down.
    """
    table = weights.get(_MASK_TABLE)
    if table is None:
        return None
    frames = torch.arange(len(table), device=table.device)
    seen = released().self_sees.table(frames, frames, BLOCK_FRAMES)
    return table.shape == seen.shape and bool((seen == (table == table[0, 0])).all())


def _config(weights: Mapping[str, Tensor], heads: int) -> GeneratorConfig:
    """Sizes as far as the shapes tell; the comparison finds whatever contradicts them."""

    def size(otherwise: int, *places: tuple[str, int]) -> int:
        shapes = [(weights[name].shape, axis) for name, axis in places if name in weights]
        return next((shape[axis] for shape, axis in shapes if axis < len(shape)), otherwise)

    usual = released()
    audio, motion = _PROJECTION + "0.weight", _EMBEDDER + "motion_embedder.0.weight"
    embed, attention = (_TRANSFORMER + name for name in ("x_embedder.proj", "blocks.0.attn.proj"))
    ends = _TRANSFORMER + "final_layer.linear.bias"
    numbers = [re.match(rf"{re.escape(_TRANSFORMER)}blocks\.(\d+)\.", name) for name in weights]
    try:
        return released(
            motion_dim=size(usual.motion_dim, (motion, 1), (ends, 0)),
            audio_dim=size(usual.audio_dim, (audio, 1)),
            condition_width=size(usual.condition_width, (audio, 0), (motion, 0)),
            width=size(usual.width, (embed + ".weight", 0), (attention + ".weight", 0)),
            depth=1 + max((int(number[1]) for number in numbers if number), default=-1),
            heads=heads,
        )
    except ValueError as error:
        raise WeightsMismatchError(f"the public checkpoint of the generator: {error}") from error


def _renamed(name: str, tensor: Tensor) -> dict[str, Tensor]:
    for ours, theirs in _FUSED.items():
        if name.startswith(theirs):
            query, key, value = tensor.chunk(3)
            kind = name.removeprefix(theirs)
            return {f"{ours}q.{kind}": query, f"{ours}kv.{kind}": torch.cat((key, value))}
    ours = next(prefix for prefix, theirs in _NAMES.items() if name.startswith(theirs))
    return {ours + name.removeprefix(_NAMES[ours]): tensor}
