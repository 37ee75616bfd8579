"""The linear flow between motion and noise, paper appendix A: time 1 is noise, 0 is clean.

The paper counts from noise to motion: its time is 1 - t, and its velocity minus ours.

Shape letters: B rows, T frames, D motion, S evaluations, F frames fed.
"""

from dataclasses import dataclass

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
    pass that writes the cache: 8 updates (paper section 5.2).
    """
    if nfe < 3:
        raise ValueError("at least 3 evaluations are needed: one update, its end, and the commit")
    return nfe - 2


@dataclass(frozen=True, slots=True)
class Schedule:
    """How each of F frames loses its noise, as data: one row per evaluation of the model.

    time_SF  the flow time the model is told
    step_SF  how far the frame then moves along the flow; all of them add up to -1, or to 0 for a
             frame that is clean already
    """

    time_SF: Tensor
    step_SF: Tensor


def block_schedule(
    nfe: int, frames: int, *, clean_frames: int = 0, grid: int | None = None
) -> Schedule:
    """Equal steps from time 1 to 0 for all `frames`, behind `clean_frames` that stay at 0.

    With `grid`, steps lead from one to another of that many equally spaced times, the nearest to
    those the model is told: so the authors' scheduler moves, with 1000.
    """
    time_S = torch.linspace(1.0, 0.0, updates_in(nfe) + 1, dtype=torch.float64)
    place_S = time_S
    if grid is not None:
        place_S = 1 - torch.ceil((1 - time_S) * (grid - 1) - 0.5) / (grid - 1)

    def rows(noisy_S: Tensor) -> Tensor:
        noisy_SF = noisy_S.float()[:, None].expand(-1, frames)
        return torch.cat((torch.zeros(len(noisy_S), clean_frames), noisy_SF), dim=1)

    return Schedule(time_SF=rows(time_S[:-1]), step_SF=rows(place_S.diff()))
