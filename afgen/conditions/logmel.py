"""Causal log-mel features of speech, one row per frame of 25 Hz, level-normalised as they go.

Each frame has four spectra, 10 ms apart, whose windows end 10, 20, 30 and 40 ms into the frame: a
row knows the sound up to the end of its own frame and nothing later. A running estimate of the
speech level is taken off, so that loud and quiet recordings look alike.

Shape letters: S samples, T frames, H = 4 hops of a frame, M mel bands, A = H x M features.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from afgen.clock import FRAME_RATE_HZ, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from afgen.conditions.torchaudio_pure import transforms
from afgen.signals import Floats, Samples, to_sound

SILENCE_POWER = 1e-9  # added to powers before the logarithm: -90 dB
_CATCH_UP_FRAMES = 60 * FRAME_RATE_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMelConfig:
    """What a feature row is made of.

    Levels are in dB of mel power summed over bands. The level follows a louder frame by `attack` of
    the difference per frame and otherwise sinks by `release_db_per_s` down to `quietest_level_db`,
    so a pause of a few seconds does not turn its noise into speech. A band of power p dB becomes
    (p - level + centre_db) / spread_db, limited to `lowest`..`highest`.
    """

    bands: int = 64  # M
    hops_per_frame: int = 4  # H
    window_samples: int = 512  # 32 ms
    lowest_hz: float = 60.0
    highest_hz: float = 7600.0
    attack: float = 0.3
    release_db_per_s: float = 4.0
    quietest_level_db: float = -5.0  # speech of about -50 dBFS
    centre_db: float = 35.0
    spread_db: float = 15.0
    lowest: float = -2.0
    highest: float = 2.5

    @property
    def width(self) -> int:
        """A."""
        return self.bands * self.hops_per_frame

    @property
    def hop_samples(self) -> int:
        """Samples between two spectra; whole by construction of the frame."""
        return SAMPLES_PER_FRAME // self.hops_per_frame

    @property
    def memory_samples(self) -> int:
        """Samples before a frame that its first window reaches back to."""
        return self.window_samples - self.hop_samples


@dataclass(frozen=True, slots=True)
class LogMelState:
    """What the next frame needs of the past: the last samples and the level so far."""

    samples_S: Floats
    level_db: float


class LogMelFeatures:
    """Speech to feature rows; holds constants only. Sees nothing ahead of a row's own frame."""

    def __init__(self, config: LogMelConfig | None = None) -> None:
        self.config = LogMelConfig() if config is None else config
        self._mel = transforms.MelSpectrogram(
            SAMPLE_RATE_HZ,
            n_fft=self.config.window_samples,
            hop_length=self.config.hop_samples,
            f_min=self.config.lowest_hz,
            f_max=self.config.highest_hz,
            n_mels=self.config.bands,
            power=2.0,
            center=False,
        )

    @property
    def audio_dim(self) -> int:
        """A, numbers per row."""
        return self.config.width

    @property
    def look_ahead_frames(self) -> int:
        """None at all."""
        return 0

    def rows(
        self, audio_S: Samples, start_frame: int, frames: int, state: LogMelState | None = None
    ) -> tuple[Floats, LogMelState]:
        """Rows (T, A) of the frames from `start_frame` on, as `AudioFeatures` has it."""
        state = self._before(audio_S, start_frame) if state is None else state
        return self(_sound(audio_S, start_frame, frames), state)

    def _before(self, audio_S: Samples, frame: int) -> LogMelState:
        """The state before `frame`, listening from the beginning: the level knows all the past."""
        state = self.start()
        for start in range(0, frame, _CATCH_UP_FRAMES):
            _, state = self(_sound(audio_S, start, min(_CATCH_UP_FRAMES, frame - start)), state)
        return state

    def start(self) -> LogMelState:
        """The state before the first sample: silence, and the quietest level."""
        silence = np.zeros(self.config.memory_samples, np.float32)
        return LogMelState(silence, self.config.quietest_level_db)

    def __call__(
        self, audio_S: Floats, state: LogMelState | None = None
    ) -> tuple[Floats, LogMelState]:
        """Rows (T, A) of T whole frames of 16 kHz sound, and the state after them.

        `state` None is the start of a recording. Raises ValueError on a part of a frame.
        """
        if audio_S.ndim != 1 or len(audio_S) % SAMPLES_PER_FRAME:
            raise ValueError(f"sound of shape {audio_S.shape} is not whole mono frames")
        state = self.start() if state is None else state
        heard_S = np.concatenate((state.samples_S, audio_S.astype(np.float32, copy=False)))
        power_THM = self._power(torch.from_numpy(heard_S))
        loudness_T = 10 * np.log10(power_THM.sum(axis=2).mean(axis=1) + SILENCE_POWER)
        level_T = self._levels(loudness_T, state.level_db)
        rows_TA = self._normalised(power_THM, level_T)
        level_db = float(level_T[-1]) if len(level_T) else state.level_db
        memory_S = heard_S[len(heard_S) - self.config.memory_samples :].copy()
        return rows_TA, LogMelState(memory_S, level_db)

    def _power(self, heard_S: Tensor) -> np.ndarray[tuple[int, int, int], np.dtype[np.float64]]:
        """Mel powers (T, H, M), one frame at a time: the same numbers however sound is cut up."""
        config = self.config
        reach = config.memory_samples + SAMPLES_PER_FRAME
        starts = range(0, len(heard_S) - reach + 1, SAMPLES_PER_FRAME)
        frames = [self._mel(heard_S[start : start + reach]).T for start in starts]
        if not frames:
            return np.zeros((0, config.hops_per_frame, config.bands))
        power: Tensor = torch.stack(frames).double()
        return power.numpy()

    def _levels(
        self, loudness_T: np.ndarray[tuple[int], np.dtype[np.float64]], level_db: float
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Running speech level in dB after each frame."""
        sinks = self.config.release_db_per_s / FRAME_RATE_HZ
        levels = np.empty(len(loudness_T))
        for index, loudness in enumerate(loudness_T.tolist()):
            rise = self.config.attack * (loudness - level_db)
            level_db = max(level_db + max(rise, -sinks), self.config.quietest_level_db)
            levels[index] = level_db
        return levels

    def _normalised(
        self,
        power_THM: np.ndarray[tuple[int, int, int], np.dtype[np.float64]],
        level_T: np.ndarray[tuple[int], np.dtype[np.float64]],
    ) -> Floats:
        band_db = 10 * np.log10(power_THM + SILENCE_POWER)
        over_level_db = band_db - level_T[:, None, None]
        rows = (over_level_db + self.config.centre_db) / self.config.spread_db
        limited = rows.clip(self.config.lowest, self.config.highest)
        rows_TA: Floats = limited.reshape(len(limited), self.config.width).astype(np.float32)
        return rows_TA


def _sound(audio_S: Samples, start_frame: int, frames: int) -> Floats:
    """Sound of whole frames; silence after the end."""
    span_S = audio_S[start_frame * SAMPLES_PER_FRAME : (start_frame + frames) * SAMPLES_PER_FRAME]
    return to_sound(np.pad(span_S, (0, frames * SAMPLES_PER_FRAME - len(span_S))))
