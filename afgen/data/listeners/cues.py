"""What a listener hears: speech, loudness and pitch of a voice, frame by frame and causally.

Row t uses samples up to the end of frame t only. T frames at 25 Hz, S samples at 16 kHz.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from afgen.clock import FRAME_RATE_HZ, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from afgen.signals import Flags, Floats

PITCH_WINDOW: Final = 1024  # samples, 64 ms: two periods of the lowest voice
PITCH_LOW_HZ: Final = 70.0
PITCH_HIGH_HZ: Final = 400.0
VOICED_CORRELATION: Final = 0.45  # autocorrelation peak that makes a frame voiced
SPEECH_LEVEL_DB: Final = -18.0  # relative to the loudest frame so far
LOUDEST_DB: Final = -12.0  # what the loudest frame is taken for until a louder one is heard
HANGOVER_FRAMES: Final = 4  # speech lasts this long after the last loud frame
LOW_PITCH_PERCENTILE: Final = 26.0  # Ward & Tsukahara 2000
LOW_PITCH_FRAMES: Final = 3  # at least 110 ms (same)
PITCH_MEMORY_FRAMES: Final = 10 * FRAME_RATE_HZ


@dataclass(frozen=True, slots=True)
class VoiceCues:
    """What can be heard of one voice. Unvoiced frames have pitch 0; silence has -100 dB."""

    speech_T: Flags
    pitch_T: Floats  # Hz
    level_T: Floats  # dB of full scale

    @property
    def frames(self) -> int:
        """T."""
        return len(self.speech_T)


def hear(audio_S: Floats) -> VoiceCues:
    """Cues of a voice recorded closely, near full scale. A rest of less than a frame is dropped."""
    frames = len(audio_S) // SAMPLES_PER_FRAME
    blocks_TS = audio_S[: frames * SAMPLES_PER_FRAME].reshape(frames, SAMPLES_PER_FRAME)
    power_T = np.mean(np.square(blocks_TS, dtype=np.float64), axis=1)
    level_T = (10 * np.log10(np.maximum(power_T, 1e-10))).astype(np.float32)
    loud_T = level_T > loudest_so_far(level_T) + SPEECH_LEVEL_DB
    speech_T = hold(loud_T, HANGOVER_FRAMES)
    pitch_T = np.where(loud_T, _pitch(audio_S, frames), 0).astype(np.float32)
    return VoiceCues(speech_T, pitch_T, level_T)


def loudest_so_far(level_T: Floats) -> Floats:
    """The level (T,) in dB that loudness is judged against."""
    loudest_T: Floats = np.maximum(np.maximum.accumulate(level_T), np.float32(LOUDEST_DB))
    return loudest_T


def hold(flags_T: Flags, frames: int) -> Flags:
    """True where a flag is set now or was within the last `frames` frames."""
    padded_T = np.concatenate([np.zeros(frames, np.bool_), flags_T])
    held: Flags = sliding_window_view(padded_T, frames + 1).any(axis=1)
    return held


def _pitch(audio_S: Floats, frames: int) -> Floats:
    """Pitch (T,) by the peak of the normalised autocorrelation of the last 64 ms; 0 if unvoiced."""
    padded_S = np.concatenate([np.zeros(PITCH_WINDOW, np.float32), audio_S])
    windows_TW = sliding_window_view(padded_S, PITCH_WINDOW)[SAMPLES_PER_FRAME::SAMPLES_PER_FRAME]
    windows_TW = windows_TW[:frames] * np.hanning(PITCH_WINDOW).astype(np.float32)
    spectrum = np.fft.rfft(windows_TW, 2 * PITCH_WINDOW, axis=1)
    correlation_TL = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :PITCH_WINDOW]
    energy_T = np.maximum(correlation_TL[:, 0], 1e-9)
    shortest = int(SAMPLE_RATE_HZ / PITCH_HIGH_HZ)
    longest = int(SAMPLE_RATE_HZ / PITCH_LOW_HZ)
    falling_TL = np.diff(correlation_TL[:, : longest + 1], axis=1) <= 0
    past_first_dip_TL = np.logical_or.accumulate(~falling_TL, axis=1)
    relative_TL = correlation_TL[:, :longest] / energy_T[:, None]
    searched_TL = np.where(past_first_dip_TL, relative_TL, 0)[:, shortest:]
    best_T = searched_TL.argmax(axis=1)
    voiced_T = searched_TL.max(axis=1) > VOICED_CORRELATION
    return np.where(voiced_T, SAMPLE_RATE_HZ / (best_T + shortest), 0).astype(np.float32)


def low_pitch(cues: VoiceCues) -> Flags:
    """Frames at which a region of low pitch has lasted 110 ms (Ward & Tsukahara 2000).

    Low is below the 26th percentile of the same voice's pitch over the last ten seconds.
    """
    voiced_T = np.flatnonzero(cues.pitch_T > 0)
    low_T = np.zeros(cues.frames, np.bool_)
    for position, frame in enumerate(voiced_T):
        first = np.searchsorted(voiced_T, frame - PITCH_MEMORY_FRAMES)
        recent = cues.pitch_T[voiced_T[first : position + 1]]
        if len(recent) >= FRAME_RATE_HZ // 2:
            low_T[frame] = cues.pitch_T[frame] <= np.percentile(recent, LOW_PITCH_PERCENTILE)
    counts_T = run_lengths(low_T)
    reached: Flags = counts_T == LOW_PITCH_FRAMES
    return reached


def run_lengths(flags_T: Flags) -> Floats:
    """For each frame, how many frames the flag has been set without a break; 0 where unset."""
    index_T = np.arange(1, len(flags_T) + 1)
    last_unset_T = np.maximum.accumulate(np.where(flags_T, 0, index_T))
    lengths_T: Floats = (index_T - last_unset_T).astype(np.float32)
    return lengths_T
