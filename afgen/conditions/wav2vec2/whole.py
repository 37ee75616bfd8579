"""Features of a whole utterance, as the published pipeline makes them.

Both normalisations know the whole recording, the outputs of the convolutions are interpolated
linearly so that the first and the last of them are the first and the last frame, and every frame
sees every other one, up to a minute.

The published pipeline stops at 30 s, the longest utterances of the speech model's training were
about as long, and attention grows with the square of the length (an hour at once would cost forty
minutes on two cores). So a longer recording goes through the transformer in windows of a minute
that overlap by twice five seconds, of which the outer five are not used; everything before the
transformer is exactly that of the whole. Only the window in use is kept, 55 MB a voice however long
it is. That costs no more than keeping all rows (3.3 GB an hour) and nothing is made twice, since a
render asks in order.

Shape letters: S samples, L outputs of the convolutions (50 a second), T frames (25 a second),
C channels, A features.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from afgen.clock import FRAME_RATE_HZ
from afgen.conditions.wav2vec2.config import HOP_SAMPLES, REACH_SAMPLES
from afgen.conditions.wav2vec2.moments import Moments, nothing_heard
from afgen.conditions.wav2vec2.network import Wav2Vec2Network, frames_of
from afgen.signals import Floats, Samples

_NO_WINDOW: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeConfig:
    """How much of a recording sees each other."""

    window_frames: int = 60 * FRAME_RATE_HZ
    margin_frames: int = 5 * FRAME_RATE_HZ  # at inner edges of windows, not used

    def __post_init__(self) -> None:
        if not 0 <= 2 * self.margin_frames < self.window_frames:
            raise ValueError("a window must be longer than its two margins")

    @property
    def step_frames(self) -> int:
        """Between the beginnings of two windows."""
        return self.window_frames - 2 * self.margin_frames


@dataclass(frozen=True, slots=True)
class WholeState:
    """Statistics of the whole voice, and the window that was used last."""

    moments: Moments
    window: int
    start_frame: int
    rows_TA: Floats


class WholeWav2Vec2:
    """Implements `AudioFeatures`; rows depend on all of the recording."""

    def __init__(self, network: Wav2Vec2Network, config: WholeConfig | None = None) -> None:
        self.network = network
        self.config = WholeConfig() if config is None else config

    @property
    def audio_dim(self) -> int:
        """A, numbers per row."""
        return self.network.config.audio_dim

    @property
    def look_ahead_frames(self) -> None:
        """All of the recording."""
        return

    def rows(
        self, audio_S: Samples, start_frame: int, frames: int, state: WholeState | None = None
    ) -> tuple[Floats, WholeState]:
        """Rows (T, A) of the frames from `start_frame` on, as `AudioFeatures` has it.

        Raises ValueError on frames that lie behind the end of the recording.
        """
        total, end = frames_of(audio_S), start_frame + frames
        if end > total:
            raise ValueError(f"there is no frame {end - 1} in a voice of {total} frames")
        state = self._begin(audio_S) if state is None else state
        parts = [np.zeros((0, self.audio_dim), np.float32)]
        frame = start_frame
        while frame < end:
            window = self._window_of(frame, total)
            if state.window != window:
                state = self._through(audio_S, state.moments, window, total)
            until = min(end, self._end_of(window, total))
            parts.append(state.rows_TA[frame - state.start_frame : until - state.start_frame])
            frame = until
        return np.concatenate(parts), state

    def _begin(self, audio_S: Samples) -> WholeState:
        moments = nothing_heard().after(audio_S, len(audio_S))
        return WholeState(moments, _NO_WINDOW, 0, np.zeros((0, self.audio_dim), np.float32))

    def _through(self, audio_S: Samples, moments: Moments, window: int, total: int) -> WholeState:
        size = min(total, self.config.window_frames)
        start = min(window * self.config.step_frames, total - size)
        heard_TC = interpolated(self.network, audio_S, moments, start, start + size)
        rows_TA: Floats = self.network.transform(heard_TC).float().cpu().numpy()
        return WholeState(moments, window, start, rows_TA)

    def _windows(self, total: int) -> int:
        beyond_first = max(0, total - self.config.window_frames)
        return 1 + -(-beyond_first // self.config.step_frames)

    def _window_of(self, frame: int, total: int) -> int:
        """The window a frame is taken from: the first that does not have it in its end margin."""
        inner = max(0, frame - self.config.margin_frames) // self.config.step_frames
        return min(inner, self._windows(total) - 1)

    def _end_of(self, window: int, total: int) -> int:
        """The frame from which on the next window is used."""
        if window == self._windows(total) - 1:
            return total
        return (window + 1) * self.config.step_frames + self.config.margin_frames


def interpolated(
    network: Wav2Vec2Network, audio_S: Samples, moments: Moments, start_frame: int, end_frame: int
) -> Tensor:
    """The outputs of the convolutions at 25 frames a second, (T, C).

    The first output is the first frame, the last one the last frame, and what lies between is
    linear (what torch calls align_corners). In a voice of whole frames, frame t is output 2 t.
    """
    outputs = max(1, (len(audio_S) - REACH_SAMPLES) // HOP_SAMPLES + 1)
    last_frame = max(1, frames_of(audio_S) - 1)
    position_T = np.arange(start_frame, end_frame) * (outputs - 1) / last_frame
    before_T = np.floor(position_T).astype(np.int64)
    after_T = np.minimum(before_T + 1, outputs - 1)
    heard_LC = network.convolve(audio_S, int(before_T[0]), int(after_T[-1]) + 1, moments)
    share_T1 = torch.from_numpy((position_T - before_T).astype(np.float32))[:, None]
    share_T1 = share_T1.to(heard_LC.device)
    before_TC, after_TC = (heard_LC[index_T - before_T[0]] for index_T in (before_T, after_T))
    return before_TC * (1 - share_T1) + after_TC * share_T1
