"""Whose voice it is: mouths against speech, channels against faces, and masks for mixed sound.

A whole recording is judged at once (roles and voices are settled before anything is generated), so
windows here look both ways in time.

Shape letters: P people or voices, T frames, S samples, K states, F voice features, C channels.
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from afgen.clock import FRAME_RATE_HZ, SAMPLES_PER_FRAME
from afgen.signals import Flags, Floats, Samples
from afgen.tracks.voices import VoiceFeatures, split_in_two, voice_evidence, voice_features

_CHUNK_SAMPLES = 1 << 18  # masked at once, which bounds the memory

ChannelKind = Literal["mono", "separate"]


@dataclass(frozen=True, slots=True)
class SpeakersConfig:
    """The model of a speaking mouth, and of how turns change.

    Mouth activity is the logarithm of the lips' speed (distances between the eyes per frame, root
    mean square over 0.68 s). On clips of known speakers and listeners it lay around -3.8 in
    speech and -5.7 in silence, with deviations of .6 and .7.
    """

    window_frames: int = 17
    boundary: float = -4.85
    steepness: float = 4.0  # log likelihood ratio per unit of activity: distance over variance
    most: float = 6.0  # bound of a frame's ratio
    frame_weight: float = 0.12  # frames of a window are one observation, not seventeen
    voice_weight: float = 0.25  # the same for voices without mouths
    switch_probability: float = 0.015  # per frame, of a change of speaker
    off_camera_odds: float = -1.0  # log odds of a voice nobody in view owns
    fade_frames: int = 3
    hold_frames: int = 4  # a mask outlasts the detected end of speech


def mouth_activity(
    mouth_T2: Floats, present_T: Flags, config: SpeakersConfig = SpeakersConfig()
) -> Floats:
    """Log speed of the lips (T,), minus infinity where the face is not seen."""
    change_T2 = np.abs(np.diff(mouth_T2, axis=0, prepend=mouth_T2[:1]))
    seen_T = present_T & np.concatenate([present_T[:1], present_T[:-1]])
    energy_T = np.where(seen_T, change_T2[:, 0] ** 2 + 0.25 * change_T2[:, 1] ** 2, 0.0)
    weight_T = uniform_filter1d(seen_T.astype(np.float64), config.window_frames, mode="nearest")
    mean_T = uniform_filter1d(energy_T, config.window_frames, mode="nearest")
    speed_T = np.sqrt(np.maximum(mean_T, 0.0) / np.maximum(weight_T, 1e-6))
    return np.where(present_T, np.log(speed_T + 1e-4), -np.inf).astype(np.float32)


def mouth_evidence(activity_PT: Floats, config: SpeakersConfig = SpeakersConfig()) -> Floats:
    """Log likelihood ratio (P, T) of speaking against silent; 0 where a face is not seen.

    Small or noisy faces never rest; their boundary is raised to above their own quietest tenth.
    """
    evidence_PT = np.zeros_like(activity_PT)
    for evidence_T, activity_T in zip(evidence_PT, activity_PT, strict=True):
        seen_T = np.isfinite(activity_T)
        if not seen_T.any():
            continue
        rest = float(np.percentile(activity_T[seen_T], 10))
        boundary = config.boundary + 0.5 * float(np.clip(rest + 5.2, 0.0, 1.0))
        ratio = config.steepness * (activity_T[seen_T] - boundary)
        evidence_T[seen_T] = np.clip(ratio, -config.most, config.most)
    return evidence_PT


def channel_kind(levels_CT: Floats, active_CT: Flags) -> ChannelKind:
    """Whether two channels carry one person each, or one mixture of both (stereo or doubled)."""
    heard_T = active_CT.any(axis=0)
    if len(levels_CT) != 2 or not heard_T.any():
        return "mono"
    apart_T = np.abs(levels_CT[0] - levels_CT[1])[heard_T]
    return "separate" if float(np.mean(apart_T > 10.0)) > 0.6 else "mono"


def own_speech(levels_CT: Floats, active_CT: Flags, *, bleed_db: float = 14.0) -> Flags:
    """Speech on each channel that is not the other person leaking in, much quieter than there."""
    others_CT = levels_CT[::-1] if len(levels_CT) == 2 else np.full_like(levels_CT, -np.inf)
    return active_CT & (levels_CT > others_CT - bleed_db)


@dataclass(frozen=True, slots=True)
class ChannelMatch:
    """Which face each channel belongs to, and how sure that is (0.5 a guess, 1 certain)."""

    face_of_channel: tuple[int, int]
    confidence: float


def match_channels(own_CT: Flags, evidence_PT: Floats) -> ChannelMatch:
    """Give two channels to two faces: mouths should move when their own channel speaks alone."""
    alone_CT = own_CT & ~own_CT[::-1]
    score = np.array(
        [[float(evidence_PT[p, alone_CT[c]].sum()) for p in range(2)] for c in range(2)]
    )
    straight, crossed = score[0, 0] + score[1, 1], score[0, 1] + score[1, 0]
    margin = 0.1 * (straight - crossed)
    certain = 1.0 / (1.0 + math.exp(-min(abs(margin), 30.0)))
    return ChannelMatch((0, 1) if margin >= 0 else (1, 0), certain)


def speaker_posterior(
    speech_T: Flags,
    evidence_PT: Floats,
    voices: VoiceFeatures | None = None,
    *,
    off_camera: bool = True,
    config: SpeakersConfig = SpeakersConfig(),
) -> Floats:
    """Probability (P + 1, T) of who speaks, given that somebody does; the last is off camera.

    A chain with one state per face and one for a voice from elsewhere; evidence counts only under
    speech. Given `voices`, what the mouths showed
    teaches each one's sound, which then decides where mouths say little.
    """
    people = len(evidence_PT)
    odds_KT = np.zeros((people + 1, evidence_PT.shape[1]))
    odds_KT[:people] = evidence_PT
    odds_KT[people] = config.off_camera_odds if off_camera else -1e3
    odds_KT = np.where(speech_T, config.frame_weight * odds_KT, 0.0)
    posterior_KT = forward_backward(odds_KT, config.switch_probability)
    if voices is None:
        return posterior_KT
    for _ in range(3):
        learnt_KT = voice_evidence(voices, posterior_KT, speech_T)
        total_KT = odds_KT + np.where(speech_T, config.frame_weight * learnt_KT, 0.0)
        posterior_KT = forward_backward(total_KT, config.switch_probability)
    return posterior_KT


def forward_backward(evidence_KT: NDArray[np.float64], switch_probability: float) -> Floats:
    """State probabilities (K, T) of a chain that switches with this probability per frame."""
    states, frames = evidence_KT.shape
    stay = 1.0 - switch_probability
    leave = switch_probability / max(states - 1, 1)
    likelihood_KT = np.exp(evidence_KT - evidence_KT.max(axis=0))
    forward_KT, backward_KT = np.empty((states, frames)), np.ones((states, frames))
    belief = np.full(states, 1.0 / states)
    for frame in range(frames):
        belief = (stay - leave) * belief + leave
        belief = belief * likelihood_KT[:, frame]
        belief /= belief.sum()
        forward_KT[:, frame] = belief
    message = np.ones(states)
    for frame in range(frames - 1, 0, -1):
        message = message * likelihood_KT[:, frame]
        message = (stay - leave) * message + leave * message.sum()
        message /= message.sum()
        backward_KT[:, frame - 1] = message
    posterior_KT = forward_KT * backward_KT
    return np.asarray(posterior_KT / posterior_KT.sum(axis=0), dtype=np.float32)


def two_voices(
    audio_S: Floats, speech_T: Flags, config: SpeakersConfig = SpeakersConfig()
) -> Floats:
    """Who of two speaks in a mixture without picture, (2, T).

    The voice heard first comes first. Where there is too little speech for two voices, all of it
    is the first one's.
    """

    def decode(evidence_KT: Floats) -> Floats:
        weighted_KT = np.where(speech_T, config.voice_weight * evidence_KT, 0.0)
        return forward_backward(weighted_KT, config.switch_probability)

    if seconds(speech_T) < 3.0:
        alone_T = np.ones(len(speech_T), np.float32)
        return np.stack([alone_T, 1 - alone_T])
    return split_in_two(voice_features(audio_S), speech_T, decode)


class Separator(Protocol):
    """Takes a mixture apart, told who speaks when. A network may take the place of masks."""

    def separate(self, mixture_S: Samples, speaking_PT: Floats) -> Samples:
        """One signal per voice (P, S) from a mixture and each one's probability of speaking."""
        ...


@dataclass(frozen=True, slots=True)
class ActiveSpeakerSeparator:
    """Gives the whole mixture to whoever speaks, with short cross-fades; overlaps stay mixed."""

    config: SpeakersConfig = SpeakersConfig()

    def separate(self, mixture_S: Samples, speaking_PT: Floats) -> Samples:
        """Signals (P, S): the mixture under each voice's mask."""
        gain_PT = np.stack([self._gain(speaking_T) for speaking_T in speaking_PT])
        total_T = np.maximum(gain_PT.sum(axis=0), 1.0)
        return np.stack([apply_mask(mixture_S, gain_T) for gain_T in gain_PT / total_T])

    def _gain(self, speaking_T: Floats) -> Floats:
        """The probability, held over short pauses and smoothed into fades."""
        held_T = speaking_T.astype(np.float64)
        for _ in range(self.config.hold_frames):
            held_T[1:] = np.maximum(held_T[1:], 0.98 * held_T[:-1])
        sharp_T = np.clip(4.0 * held_T - 1.5, 0.0, 1.0)
        gain_T = uniform_filter1d(sharp_T, self.config.fade_frames, mode="nearest")
        return np.asarray(gain_T, dtype=np.float32)


def apply_mask(audio_S: Samples, gain_T: Floats) -> Samples:
    """Samples under a gain given per frame, interpolated between the frames' middles."""
    middles = (np.arange(len(gain_T)) + 0.5) * SAMPLES_PER_FRAME
    masked_S = np.empty_like(audio_S)
    for first in range(0, len(audio_S), _CHUNK_SAMPLES):
        last = min(first + _CHUNK_SAMPLES, len(audio_S))
        gain_S = np.interp(np.arange(first, last), middles, gain_T)
        masked_S[first:last] = np.rint(audio_S[first:last] * gain_S)
    return masked_S


def seconds(active_T: Flags) -> float:
    """How long the flags are up."""
    return float(active_T.sum()) / FRAME_RATE_HZ
