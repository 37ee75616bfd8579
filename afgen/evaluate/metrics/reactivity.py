"""R-DGG: how much of the avatar's motion follows from what the user did before.

The directed Granger gain (Granger, Econometrica 37, 1969; as a logarithm, Geweke, Journal of the
American Statistical Association 77, 1982) of the user's signal on the avatar's motion, conditional
on the avatar's own history:

    gain = mean over dimensions of ln(RSS without the user / RSS with the user)

What is predicted is the mean of the motion over the coming second, from past frames only (causality
at a horizon: Dufour & Renault, Econometrica 66, 1998). A single frame of 25 Hz motion follows from
the frames before it nearly without a rest, and an answer comes with a delay that varies by more
than a frame: in simulated listeners, whose link is known, a horizon of one frame finds nothing.

A regression with more columns always fits better, so the same is done with
the user's signal turned round in time by many shifts of at least 4 s, which keep its own course and
break its link to the avatar; the mean of those gains is subtracted. What is left is above 0 where
the avatar reacts. A correlation alone cannot show that: two people who nod by themselves now and
then have one, and a listener who reacts with varying delay may have none.

Shape letters: T frames, D target dimensions, X source signals, P regressors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from afgen.clock import FRAME_RATE_HZ
from afgen.signals import Floats

Array = NDArray[np.float64]

_RANK: Final = 1e-6  # of the strongest direction; weaker ones are rounding
_WEAK: Final = 1e-9  # of a source column's power; so little of it beyond the history is rounding
_STILL: Final = 1e-10  # of the motion's power: nothing is left that could be explained


@dataclass(frozen=True, slots=True)
class GrangerConfig:
    """How the past is described and the shifts are drawn.

    Edges cut the past into stretches of which means are taken. The avatar's own: 1, 2, 3, 4-5, 6-8,
    9-13 and 14-25 frames ago, fine where motion follows from itself. The user's: 1-5, 6-10, 11-15
    and 16-25 frames ago, because of an answer only the rough delay is known, and each column more
    costs power. Both reach back a second: a history shorter than the source would be helped by it.
    `ahead_frames` is how much of what comes is predicted.
    """

    own_edges: tuple[int, ...] = (0, 1, 2, 3, 5, 8, 13, 25)
    source_edges: tuple[int, ...] = (0, 5, 10, 15, 25)
    ahead_frames: int = FRAME_RATE_HZ
    shifts: int = 100
    least_shift_frames: int = 4 * FRAME_RATE_HZ

    def __post_init__(self) -> None:
        if self.shifts < 1:
            raise ValueError("a gain takes at least one shift")
        for edges in (self.own_edges, self.source_edges):
            if len(edges) < 2 or list(edges) != sorted(set(edges)) or edges[0] < 0:
                raise ValueError("the edges of stretches must grow from 0 or more")

    @property
    def reach(self) -> int:
        """Frames of past that are looked at."""
        return max(self.own_edges[-1], self.source_edges[-1])

    @property
    def least_frames(self) -> int:
        """Of a clip, so that all shifts are different ones."""
        return 2 * self.least_shift_frames + self.shifts - 1


@dataclass(frozen=True, slots=True)
class Gain:
    """Of one clip. Gains are in nats a dimension."""

    gain: float
    shifted: float  # mean gain of the shifted user
    beaten: float  # share of the shifts whose gain is smaller

    @property
    def excess(self) -> float:
        """R-DGG of the clip."""
        return self.gain - self.shifted


def reactivity(
    target_TD: Floats | Array,
    source_TX: Floats | Array,
    given_TG: Floats | Array | None = None,
    config: GrangerConfig | None = None,
) -> Gain | None:
    """The gain of a source on a target, and that of shifted sources; None of too short a clip.

    `given_TG` are signals whose past and present are known besides the target's own past, such as
    the avatar's own voice: what user and avatar both owe to it is then no reaction. All arrays
    have T frames. Raises ValueError where they have not.
    """
    config = config or GrangerConfig()
    frames = len(target_TD)
    if len(source_TX) != frames or (given_TG is not None and len(given_TG) != frames):
        raise ValueError("target and source must have the same frames")
    if frames < config.least_frames:
        return None
    rows = slice(config.reach, frames - config.ahead_frames + 1)
    known = [lagged(target_TD, config.own_edges), np.ones((frames, 1))]
    if given_TG is not None:
        known += [lagged(given_TG, config.own_edges), coming(given_TG, config.ahead_frames)]
    history_TP = orthonormal(np.hstack(known)[rows])
    coming_TD = coming(target_TD, config.ahead_frames)[rows]
    rest_TD = _beyond(coming_TD, history_TP)
    power_D = np.square(coming_TD - coming_TD.mean(axis=0)).sum(axis=0)
    moving_D = np.square(rest_TD).sum(axis=0) > _STILL * np.maximum(power_D, _STILL)
    past_TP = lagged(source_TX, config.source_edges)

    def gain_of(shift: int) -> float:
        return _gain(rest_TD[:, moving_D], np.roll(past_TP, shift, axis=0)[rows], history_TP)

    gain = gain_of(0)
    shifted = np.array([gain_of(shift) for shift in shifts_of(frames, config)])
    return Gain(gain, float(shifted.mean()), float((shifted < gain).mean()))


def shifts_of(frames: int, config: GrangerConfig) -> list[int]:
    """Different circular shifts (frames), evenly from 4 s to 4 s before the clip's length."""
    low, high = config.least_shift_frames, frames - config.least_shift_frames
    return [int(shift) for shift in np.round(np.linspace(low, high, config.shifts))]


def lagged(signals_TX: Floats | Array, edges: Sequence[int]) -> Array:
    """Means (T, X * stretches) of each signal's past, in stretches between `edges` frames ago.

    Circular: the first frames have the last ones as their past, so that shifting a signal shifts
    these rows. Leave the first `edges[-1]` rows out of what is unshifted.
    """
    signals_TX = np.asarray(signals_TX, np.float64)
    parts = []
    for newest, oldest in pairwise(edges):
        ago = range(newest + 1, oldest + 1)
        parts.append(np.mean([np.roll(signals_TX, lag, axis=0) for lag in ago], axis=0))
    return np.hstack(parts)


def coming(signals_TX: Floats | Array, frames: int) -> Array:
    """Means (T, X) of each signal over a frame and those after it, `frames` in all; circular."""
    return lagged(signals_TX[::-1], (-1, frames - 1))[::-1]


def orthonormal(columns_TP: Array) -> Array:
    """An orthonormal basis of the columns' span; what is dependent but for rounding is left out."""
    lengths_P = np.linalg.norm(columns_TP, axis=0)
    scaled_TP = columns_TP[:, lengths_P > 0] / lengths_P[lengths_P > 0]
    left_TP, strength_P, _ = np.linalg.svd(scaled_TP, full_matrices=False)
    return np.asarray(left_TP[:, strength_P > _RANK])


def _beyond(columns_TP: Array, basis_TP: Array) -> Array:
    """Columns without what a basis explains; twice, because the first time leaves rounding."""
    for _ in range(2):
        columns_TP = columns_TP - basis_TP @ (basis_TP.T @ columns_TP)
    return columns_TP


def _gain(rest_TD: Array, past_TP: Array, history_TP: Array) -> float:
    """ln(RSS without / RSS with), averaged over dimensions; 0 where nothing is left to explain.

    The eigenvalues of P x P products, of columns of length 1 that the history has been taken out of
    before: a hundred of these cost a tenth of singular values of the columns, and directions weak
    enough to be lost by squaring are left out in either form.
    """
    centred_TP = past_TP - past_TP.mean(axis=0)
    lengths_P = np.linalg.norm(centred_TP, axis=0)
    if not rest_TD.shape[1] or not lengths_P.any():
        return 0.0
    scaled_TP = centred_TP[:, lengths_P > 0] / lengths_P[lengths_P > 0]
    new_TP = _beyond(scaled_TP, history_TP)
    power_P, vectors_PP = np.linalg.eigh(new_TP.T @ new_TP)
    kept_P = power_P > _WEAK
    amounts_PD = vectors_PP[:, kept_P].T @ (new_TP.T @ rest_TD)
    explained_D = (np.square(amounts_PD) / power_P[kept_P, None]).sum(axis=0)
    share_D = explained_D / np.square(rest_TD).sum(axis=0)
    return float(-np.log1p(-np.minimum(share_D, 1 - _STILL)).mean())


@dataclass(frozen=True, slots=True)
class Components:
    """Principal components of motion, so that a regression has few columns."""

    mean_D: Array
    directions_DK: Array

    def of(self, motion_TD: Floats | Array) -> Array:
        """Amounts (T, K)."""
        amounts_TK: Array = (np.asarray(motion_TD, np.float64) - self.mean_D) @ self.directions_DK
        return amounts_TK


def components(motions: Sequence[Floats], count: int) -> Components:
    """The `count` directions in which all these motions (T, D) vary most, or all D of them."""
    rows_TD = np.concatenate(motions).astype(np.float64)
    mean_D = rows_TD.mean(axis=0)
    _, vectors_DD = np.linalg.eigh(np.atleast_2d(np.cov(rows_TD - mean_D, rowvar=False)))
    return Components(mean_D, vectors_DD[:, ::-1][:, :count])
