"""When somebody speaks on a channel: level over an adaptive noise floor, and the sound of a voice.

Causal and without a network. Frame n is judged by samples up to its own end; a pause counts as
silence only after a short hangover, so words hold together. Chunks of any whole number of frames
give the same answer as the whole.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from afgen.clock import FRAME_RATE_HZ, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from afgen.signals import Flags, Floats

_WINDOW = 2 * SAMPLES_PER_FRAME  # 80 ms: eight periods of a 100 Hz voice
_CHUNK_FRAMES = 512  # frames analysed at once, which bounds the memory
_SPEECH_HZ = (100.0, 4000.0)
_PITCH_HZ = (70.0, 400.0)


@dataclass(frozen=True, slots=True)
class SpeechConfig:
    """Thresholds over the noise floor in dB, and how fast the floor moves."""

    open_db: float = 9.0  # a voice begins this far above the floor
    close_db: float = 5.0  # and ends below this
    open_voicing: float = 0.45  # height of the pitch peak a beginning needs, 0..1
    quietest_floor_dbfs: float = -62.0
    first_floor_dbfs: float = -55.0
    keep_voicing: float = 0.35  # loud frames below this count half as quiet: noise, or an s
    rise_db_per_s: float = 5.0  # of the floor under sound without pitch
    rise_voiced_db_per_s: float = 0.6  # and under a voice
    fall: float = 0.3  # share of the way down per frame
    hangover_frames: int = 6
    confirm_frames: int = 2  # frames in a row that make a beginning


@dataclass(frozen=True, slots=True)
class SpeechState:
    """What the detector remembers: floor, frames with and without a voice, the last window."""

    floor_dbfs: float
    heard_frames: int = 0
    quiet_frames: float = 0.0
    active: bool = False
    tail: Floats = field(default_factory=lambda: np.zeros(SAMPLES_PER_FRAME, np.float32))


@dataclass(frozen=True, slots=True)
class Speech:
    """Per frame: whether somebody speaks, the level in the speech band, the pitch peak 0..1."""

    active_T: Flags
    level_dbfs_T: Floats
    voicing_T: Floats


def detect_speech(
    audio_S: Floats, state: SpeechState | None = None, config: SpeechConfig = SpeechConfig()
) -> tuple[Speech, SpeechState]:
    """Speech on one channel of 16 kHz samples; whole frames only, a last part is left out."""
    state = state or SpeechState(config.first_floor_dbfs)
    frames = len(audio_S) // SAMPLES_PER_FRAME
    parts: list[Speech] = []
    for first in range(0, frames, _CHUNK_FRAMES):
        last = min(first + _CHUNK_FRAMES, frames)
        samples = audio_S[first * SAMPLES_PER_FRAME : last * SAMPLES_PER_FRAME]
        part, state = _detect_chunk(samples.astype(np.float32), state, config)
        parts.append(part)
    if not parts:
        nothing = np.zeros(0, np.float32)
        return Speech(np.zeros(0, np.bool_), nothing, nothing), state
    return Speech(
        np.concatenate([part.active_T for part in parts]),
        np.concatenate([part.level_dbfs_T for part in parts]),
        np.concatenate([part.voicing_T for part in parts]),
    ), state


def _detect_chunk(
    samples_S: Floats, state: SpeechState, config: SpeechConfig
) -> tuple[Speech, SpeechState]:
    heard_S = np.concatenate([state.tail, samples_S])
    windows_TW = np.lib.stride_tricks.sliding_window_view(heard_S, _WINDOW)[::SAMPLES_PER_FRAME]
    level_T, voicing_T = _features(windows_TW)
    active_T = np.zeros(len(level_T), np.bool_)
    for index, (level, voicing) in enumerate(zip(level_T, voicing_T, strict=True)):
        state = _next(float(level), float(voicing), state, config)
        active_T[index] = state.active
    return Speech(active_T, level_T, voicing_T), replace(state, tail=heard_S[-SAMPLES_PER_FRAME:])


def _features(windows_TW: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Level of the newest frame in the speech band (dBFS), and the pitch peak of the window."""
    frequencies = np.fft.rfftfreq(2 * _WINDOW, 1 / SAMPLE_RATE_HZ)
    band = (frequencies >= _SPEECH_HZ[0]) & (frequencies <= _SPEECH_HZ[1])
    newest_TW = windows_TW.copy()
    newest_TW[:, :SAMPLES_PER_FRAME] = 0
    spectrum = np.abs(np.fft.rfft(newest_TW, 2 * _WINDOW)) ** 2
    power_T = 2 * spectrum[:, band].sum(axis=1) / (2 * _WINDOW) / SAMPLES_PER_FRAME
    level_T = 10 * np.log10(power_T + 1e-12)
    tapered = windows_TW * np.hanning(_WINDOW).astype(np.float32)
    power_TF = np.where(band, np.abs(np.fft.rfft(tapered, 2 * _WINDOW)) ** 2, 0.0)
    correlation = np.fft.irfft(power_TF)
    shortest, longest = (round(SAMPLE_RATE_HZ / hz) for hz in reversed(_PITCH_HZ))
    lags = np.arange(shortest, longest + 1)
    overlap = 1 - lags / _WINDOW  # the taper alone pulls long lags down about this much
    peak_T = (correlation[:, lags] / overlap).max(axis=1) / (correlation[:, 0] + 1e-9)
    return level_T.astype(np.float32), np.clip(peak_T, 0, 1).astype(np.float32)


def _next(level: float, voicing: float, state: SpeechState, config: SpeechConfig) -> SpeechState:
    """One frame on: hysteresis between opening and closing, and the floor's slow walk."""
    over = level - state.floor_dbfs
    begins = over > config.open_db and voicing > config.open_voicing
    heard = state.heard_frames + 1 if begins else 0
    voiced = over > config.close_db and voicing > config.keep_voicing
    quiet = 0.0 if voiced else state.quiet_frames + (0.5 if over > config.close_db else 1.0)
    active = heard >= config.confirm_frames or (state.active and quiet <= config.hangover_frames)
    rise = config.rise_voiced_db_per_s if voiced else config.rise_db_per_s
    if over < 0:
        floor = state.floor_dbfs + config.fall * over
    else:
        floor = state.floor_dbfs + min(rise / FRAME_RATE_HZ, over)
    return replace(
        state,
        floor_dbfs=max(floor, config.quietest_floor_dbfs),
        heard_frames=heard,
        quiet_frames=quiet,
        active=active,
    )


def segments(active_T: Flags) -> list[tuple[int, int]]:
    """Runs of true frames as (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active_T, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
