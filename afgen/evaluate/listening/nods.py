"""Nods in a course of head pitch: where they are, how deep, how long, how often repeated."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from afgen.clock import FRAME_RATE_HZ
from afgen.signals import Flags, Floats

NOD_DEG: Final = 1.5  # depth of a quick motion down and up that counts as a nod
NOD_FRAMES: Final = 8  # within which it goes down, and again within which it comes back
NOD_APART_FRAMES: Final = 20  # lowest points closer than this are cycles of one nod


@dataclass(frozen=True, slots=True)
class Nod:
    """One nod with all its cycles."""

    onset: int  # frame at which the chin begins to go down
    lowest: int  # of its first cycle
    end: int  # frame at which the last cycle has come back
    depth_deg: float  # of its first cycle
    cycles: int

    @property
    def length_s(self) -> float:
        """From the onset to the end."""
        return (self.end - self.onset) / FRAME_RATE_HZ


def nods_in(pitch_T: Floats) -> list[Nod]:
    """Nods in a course of degrees, chin down positive: down and up within a third of a second each.

    A third of a second bounds each end, so that what a head does before and after counts for
    nothing.
    """
    smooth_T = np.convolve(np.pad(pitch_T, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    padded_T = np.pad(smooth_T, NOD_FRAMES, mode="edge")
    around_TW = sliding_window_view(padded_T, 2 * NOD_FRAMES + 1)
    before_TW, after_TW = around_TW[:, :NOD_FRAMES], around_TW[:, NOD_FRAMES + 1 :]
    went_down_T = smooth_T - before_TW.min(axis=1)
    came_back_T = smooth_T - after_TW.min(axis=1)
    lowest_T = smooth_T >= around_TW[:, NOD_FRAMES - 3 : NOD_FRAMES + 4].max(axis=1)
    peaks = np.flatnonzero(lowest_T & (np.minimum(went_down_T, came_back_T) > NOD_DEG))
    begins = np.flatnonzero(np.diff(peaks, prepend=-NOD_APART_FRAMES) >= NOD_APART_FRAMES)
    found = []
    for cycles in np.split(peaks, begins[1:]) if len(peaks) else []:
        first, last = int(cycles[0]), int(cycles[-1])
        # the last of the highest frames before it, the first of those after it
        onset = first - 1 - int(before_TW[first, ::-1].argmin())
        end = last + 1 + int(after_TW[last].argmin())
        found.append(Nod(onset, first, end, float(went_down_T[first]), len(cycles)))
    return found


def nods(pitch_T: Floats) -> Flags:
    """Frames at which a nod is lowest; further cycles of one nod are not counted again."""
    lowest_T = np.zeros(len(pitch_T), np.bool_)
    lowest_T[[nod.lowest for nod in nods_in(pitch_T)]] = True
    return lowest_T
