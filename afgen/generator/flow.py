"""The linear flow between motion and noise, paper section 4: time 1 is noise, 0 is clean.

Shape letters: B rows, T frames, D motion, S time points, F frames of a block.
"""

import torch
from torch import Tensor


def noised(motion_BTD: Tensor, noise_BTD: Tensor, time_BT: Tensor) -> Tensor:
    """x_t = (1 - t) m + t n."""
    return torch.lerp(motion_BTD, noise_BTD, time_BT[..., None])


def target_velocity(motion_BTD: Tensor, noise_BTD: Tensor) -> Tensor:
    """dx/dt = n - m."""
    return noise_BTD - motion_BTD


def updates_in(nfe: int) -> int:
    """Euler updates in a budget of `nfe` evaluations as the paper counts them.

    10 evaluations are 9 time points from 1 to 0, the last of which moves nothing, and one clean
    pass that writes the cache: 8 updates (paper section 5).
    """
    if nfe < 3:
        raise ValueError("at least 3 evaluations are needed: one update, its end, and the commit")
    return nfe - 2


def block_schedule(nfe: int, frames: int, clean_frames: int = 0) -> Tensor:
    """Flow time of each frame at each time point, (S, clean + F): equal steps from 1 to 0.

    The `clean_frames` in front are clean already and stay at 0. Any other matrix that ends in
    zeros is as good: the order in which frames lose their noise is data.
    """
    time_S = torch.linspace(1.0, 0.0, updates_in(nfe) + 1)
    noisy = time_S[:, None].expand(-1, frames)
    return torch.cat((torch.zeros(len(time_S), clean_frames), noisy), dim=1)
