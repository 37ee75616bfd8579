"""The public checkpoints of the method's authors: their names of the weights to ours.

Only the generator's part (`flow_transformer` and the audio projection). The layout is the same but
for names, and for the fused projections of the two condition attentions, which hold query, key and
value together there.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from afgen.errors import WeightsMismatchError
from afgen.generator.config import GeneratorConfig, released

_TRANSFORMER = "flow_transformer."
_PREFIXES = {  # theirs to ours, the rest of the name unchanged
    "audio_encoder.audio_projection.": "dual.audio.",
    _TRANSFORMER + "c_embedder.motion_embedder.": "dual.motion.",
    _TRANSFORMER + "c_embedder.dual_modal_attn.out_proj.": "dual.user_attention.proj.",
    _TRANSFORMER + "c_embedder.ln1.": "dual.user_norm.",
    _TRANSFORMER + "c_embedder.user_agent_attn.out_proj.": "dual.avatar_attention.proj.",
    _TRANSFORMER + "c_embedder.ln2.": "dual.avatar_norm.",
    _TRANSFORMER + "c_embedder.to_cond_user.": "dual.out.",
    _TRANSFORMER + "x_embedder.proj.": "dfot.embed.",
    _TRANSFORMER + "t_embedder.mlp.0.": "dfot.time.fc1.",
    _TRANSFORMER + "t_embedder.mlp.2.": "dfot.time.fc2.",
    _TRANSFORMER + "adaLN_modulation.1.": "dfot.modulation.linear.",
    _TRANSFORMER + "blocks.": "dfot.blocks.",
    _TRANSFORMER + "final_layer.adaLN_modulation.1.": "dfot.final_modulation.linear.",
    _TRANSFORMER + "final_layer.linear.": "dfot.final.",
}
_FUSED = {
    _TRANSFORMER + "c_embedder.dual_modal_attn.in_proj_": "dual.user_attention.",
    _TRANSFORMER + "c_embedder.user_agent_attn.in_proj_": "dual.avatar_attention.",
}
_TABLES = ("alignment_mask", "block_bidir_causal_lookahead_mask")  # buffers; ours is configuration


def from_released(
    weights: Mapping[str, Tensor], *, heads: int = 8
) -> tuple[GeneratorConfig, dict[str, Tensor]]:
    """Configuration and weights of a MotionGenerator from those of the public checkpoint.

    Raises WeightsMismatchError naming an entry that is unknown or missing.
    """
    ours: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if not name.endswith(_TABLES):
            ours.update(_renamed(name, tensor))
    try:
        audio, motion = ours["dual.audio.0.weight"], ours["dual.motion.0.weight"]
        config = released(
            motion_dim=motion.shape[1],
            audio_dim=audio.shape[1],
            condition_width=audio.shape[0],
            width=ours["dfot.embed.weight"].shape[0],
            depth=sum(name.endswith("attn.qkv.weight") for name in ours),
            heads=heads,
        )
    except KeyError as error:
        raise WeightsMismatchError(f"the public checkpoint lacks {error}") from error
    return config, ours


def _renamed(name: str, tensor: Tensor) -> dict[str, Tensor]:
    for theirs, ours in _FUSED.items():
        if name.startswith(theirs):
            query, key, value = tensor.chunk(3)
            kind = name.removeprefix(theirs)
            return {f"{ours}q.{kind}": query, f"{ours}kv.{kind}": torch.cat((key, value))}
    for theirs, ours in _PREFIXES.items():
        if name.startswith(theirs):
            return {ours + name.removeprefix(theirs): tensor}
    raise WeightsMismatchError(f"the public checkpoint has an unknown entry {name!r}")
