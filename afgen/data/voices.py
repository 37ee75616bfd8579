"""Making many voices of one: speed, frequency warping, rooms, microphones and noise.

The corpus has one speaker whose weights may be shipped, so that every conversation gives them
another voice. A change of speed changes the motion alike; nothing else moves sound against motion.
S samples at 16 kHz, T frames at 25 Hz.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from afgen.clock import SAMPLE_RATE_HZ
from afgen.signals import Floats

PIECE: Final = 640  # samples of one piece of stretched sound, 40 ms


@dataclass(frozen=True, slots=True)
class Voice:
    """How a recorded voice is changed into another. Drawn once per person and conversation."""

    speed: float  # of sound and motion alike
    warp: float  # factor on all frequencies, as by another vocal tract and pitch


@dataclass(frozen=True, slots=True)
class Room:
    """What lies between a mouth and the recording."""

    gains_db: tuple[float, ...]  # equaliser at fixed frequencies
    low_cut_hz: float
    high_cut_hz: float
    reverb_s: float  # time to fall by 60 dB; 0 for none
    reverb_db: float  # energy of the reverberation relative to the direct sound
    level_db: float  # of the speech, in dB of full scale
    noise_db: float  # of the noise relative to the speech; -inf for none
    noise_colour: float  # exponent a of its 1/f^a spectrum
    gated: bool  # exact zeros where nobody speaks, as conference software does


EQUALISER_HZ: Final = (60.0, 150.0, 350.0, 700.0, 1400.0, 2500.0, 4000.0, 7900.0)


def draw_voice(rng: np.random.Generator) -> Voice:
    """Frequencies by .76-1.3 as vocal tracts and pitches of adults differ, speed by .85-1.2."""
    warp = float(np.exp(rng.uniform(np.log(0.76), np.log(1.3))))
    return Voice(speed=float(rng.uniform(0.85, 1.2)), warp=warp)


def draw_room(rng: np.random.Generator) -> Room:
    """A microphone, a room and a call."""
    gains_db = rng.normal(0, 4.5, len(EQUALISER_HZ)) + rng.uniform(-6, 6) * np.linspace(-1, 1, 8)
    narrow = rng.random() < 0.25
    return Room(
        gains_db=tuple(float(gain) for gain in gains_db),
        low_cut_hz=float(rng.uniform(20, 250)),
        high_cut_hz=float(rng.uniform(3300, 5000) if narrow else 8000),
        reverb_s=float(rng.uniform(0.1, 0.6) if rng.random() < 0.6 else 0),
        reverb_db=float(rng.uniform(-20, -3)),
        level_db=float(rng.uniform(-36, -14)),
        noise_db=float(rng.uniform(-45, -6) if rng.random() < 0.8 else -np.inf),
        noise_colour=float(rng.uniform(0, 2)),
        gated=bool(rng.random() < 0.25),
    )


def revoice(audio_S: Floats, voice: Voice) -> Floats:
    """The clip as another person would have said it: other frequencies, another speed."""
    ratio = Fraction(voice.warp).limit_denominator(30)
    shifted_S = signal.resample_poly(audio_S, ratio.denominator, ratio.numerator)
    return stretched(shifted_S.astype(np.float32), round(len(audio_S) / voice.speed))


def stretched(audio_S: Floats, samples: int) -> Floats:
    """The same sound in `samples` samples: overlap-add of similar waveforms (WSOLA).

    Verhelst & Roelands 1993. Each piece is taken within 10 ms of where it should be, from where
    it continues the piece before best.
    """
    step = PIECE // 2
    ratio = len(audio_S) / samples
    reach = PIECE // 2
    padded_S = np.pad(audio_S, (PIECE, 3 * PIECE))
    window = np.hanning(PIECE + 1)[:-1].astype(np.float32)
    out_S = np.zeros(samples + 2 * PIECE, np.float32)
    start = PIECE - PIECE // 2
    for piece in range(samples // step + 1):
        due = int(piece * step * ratio) + PIECE - PIECE // 2
        if piece:
            wanted = padded_S[start + step : start + step + PIECE : 2]
            place = max(0, due - reach // 2)
            around = padded_S[place : due + reach // 2 + PIECE : 2]
            likeness = np.correlate(around, wanted, "valid")
            energy = np.convolve(np.square(around), np.ones(len(wanted), np.float32), "valid")
            start = place + 2 * int(np.argmax(likeness / np.sqrt(energy + 1e-6)))
        out_S[piece * step : piece * step + PIECE] += window * padded_S[start : start + PIECE]
    return out_S[PIECE // 2 : PIECE // 2 + samples]


def resample_rows(values_TD: Floats, speed: float) -> Floats:
    """Rows read at every `speed`-th frame, by linear interpolation."""
    position_T = np.arange(int((len(values_TD) - 1) / speed) + 1) * speed
    below_T = np.minimum(position_T.astype(np.int64), len(values_TD) - 2)
    share_T1 = (position_T - below_T)[:, None].astype(np.float32)
    rows: Floats = values_TD[below_T] * (1 - share_T1) + values_TD[below_T + 1] * share_T1
    return rows


def record(voice_S: Floats, room: Room, rng: np.random.Generator) -> Floats:
    """A clean voice as a microphone in that room gives it, at the room's level."""
    samples = len(voice_S)
    size = _size(samples)
    response_F = _response(room, size, rng)
    heard_S = fft.irfft(fft.rfft(voice_S, size) * response_F, size)[:samples]
    spoken_S = np.abs(voice_S) > 1e-4
    power = np.mean(np.square(heard_S[spoken_S])) if spoken_S.any() else 1e-4
    heard_S *= 10 ** (room.level_db / 20) / np.sqrt(power + 1e-12)
    if np.isfinite(room.noise_db):
        heard_S += _noise(samples, room.noise_colour, rng) * 10 ** (
            (room.level_db + room.noise_db) / 20
        )
    clipped: Floats = np.clip(heard_S, -1, 1).astype(np.float32)
    return clipped


def _response(room: Room, size: int, rng: np.random.Generator) -> NDArray[np.complex64]:
    """Spectrum of the equaliser, the cuts and the reverberation."""
    frequency_F = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    log_F = np.log(np.maximum(frequency_F, 20))
    gain_F = 10 ** (np.interp(log_F, np.log(EQUALISER_HZ), room.gains_db) / 20)
    gain_F /= np.sqrt(1 + (room.low_cut_hz / np.maximum(frequency_F, 1)) ** 4)
    if room.high_cut_hz < SAMPLE_RATE_HZ / 2:
        gain_F /= np.sqrt(1 + (frequency_F / room.high_cut_hz) ** 8)
    if room.reverb_s == 0:
        return gain_F.astype(np.complex64)
    moments = np.arange(SAMPLE_RATE_HZ // 2) / SAMPLE_RATE_HZ
    tail = rng.standard_normal(len(moments)) * np.exp(-6.9 * moments / room.reverb_s)
    tail *= 10 ** (room.reverb_db / 20) / np.sqrt(np.sum(tail**2))
    tail[0] += 1
    whole_F: NDArray[np.complex64] = gain_F.astype(np.float32) * fft.rfft(
        tail.astype(np.float32), size
    )
    return whole_F


def _size(samples: int) -> int:
    """Length of transform that holds the sound and half a second of its echo."""
    return int(fft.next_fast_len(samples + SAMPLE_RATE_HZ // 2, real=True))


def _noise(samples: int, colour: float, rng: np.random.Generator) -> Floats:
    """Noise with a 1/f^colour spectrum and power one."""
    size = _size(samples)
    frequency_F = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ), 30)
    white_F = rng.standard_normal((len(frequency_F), 2), np.float32).view(np.complex64)[:, 0]
    noise_S = fft.irfft(white_F * (frequency_F ** (-colour / 2)).astype(np.float32), size)[:samples]
    scaled_S: Floats = noise_S / noise_S.std()
    return scaled_S


def hum(samples: int, pitch_hz: float, rng: np.random.Generator) -> Floats:
    """A short "mm" with closed lips: low harmonics of a falling pitch, a nasal without a vowel."""
    moments = np.arange(samples) / SAMPLE_RATE_HZ
    fall = 1 + rng.uniform(-0.05, 0.25) * (0.5 - moments / moments[-1])
    phase = 2 * np.pi * np.cumsum(pitch_hz * fall) / SAMPLE_RATE_HZ
    voice = sum(np.sin(k * phase) / (1 + (k * pitch_hz / 300) ** 2) for k in range(1, 20))
    course = np.sqrt(np.maximum(0, np.sin(np.pi * moments / moments[-1])))
    sound: Floats = (voice * course / np.std(voice)).astype(np.float32)
    return sound


def tones(samples: int, rng: np.random.Generator) -> Floats:
    """Something like music: chords that change every quarter to whole second, of power one."""
    sound = np.zeros(samples, np.float32)
    start = 0
    while start < samples:
        end = min(samples, start + int(rng.uniform(0.2, 1.0) * SAMPLE_RATE_HZ))
        moments = np.arange(end - start) / SAMPLE_RATE_HZ
        roots_hz = 110 * 2 ** (rng.integers(0, 36, 3) / 12)
        notes = [np.sin(2 * np.pi * k * f * moments) / k for f in roots_hz for k in (1, 2, 3, 4)]
        sound[start:end] = np.sum(notes, axis=0) * np.exp(-2 * moments)
        start = end
    return sound / np.float32(sound.std() + 1e-9)
