"""A slow pull towards the portrait's own motion, so that a long stream stays who it began as.

What a block remembers becomes what the next one goes on from, so an error that all frames share is
handed on and grows: identity drifts. Nods, blinks and words last less than the two seconds of a
training window; what stays off the reference for longer is posture, or drift. So only the slow mean
is pulled, and what moves around it is left alone.

The pull grows from nothing over each block, because the model goes on from where it was: pulled by
the same amount at once, its frames would jump. It looks at the past alone.

Shape letters: R recordings, F new frames, D motion.
"""

import torch
from torch import Tensor

MEMORY_FRAMES = 50.0  # time constant of the slow mean: the training window, 2 s


def anchored(motion_RFD: Tensor, slow_RD: Tensor, reference_RD: Tensor, strength: float) -> Tensor:
    """The new frames, the last of them `strength` of the way nearer as the slow mean is off.

    A model that only ever continues its past loses that share of its offset with each block; one
    that has a mean of its own keeps 1 / (1 + strength) of its distance from the reference.
    """
    frames = motion_RFD.shape[1]
    ramp_F = torch.arange(1, frames + 1, device=motion_RFD.device) / frames
    return motion_RFD - strength * ramp_F[:, None] * (slow_RD - reference_RD)[:, None]


def slow_mean(slow_RD: Tensor, motion_RFD: Tensor) -> Tensor:
    """The running mean after these frames, each of which takes it 1 / 50 of the way; (R, D)."""
    frames = motion_RFD.shape[1]
    left_F = torch.arange(frames - 1, -1, -1, device=motion_RFD.device)
    kept = 1 - 1 / MEMORY_FRAMES
    weight_F = (1 - kept) * kept**left_F
    return kept**frames * slow_RD + (weight_F[:, None] * motion_RFD).sum(dim=1)
