"""The demo conversation: who says what, and when.

Written for this project. `make_voices` speaks it with the free flite synthesiser, so the recording
is ours to give away; it was run once and its output lies in `assets/`.
"""

import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from afgen.clock import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from afgen.errors import SetupError
from afgen.signals import Floats

Side = Literal["user", "avatar"]
VOICES: dict[Side, str] = {"user": "rms", "avatar": "slt"}


@dataclass(frozen=True, slots=True)
class Turn:
    """One utterance: who, what, and the pause before it in seconds."""

    side: Side
    text: str
    pause_s: float


TURNS = (
    Turn("user", "Hi! I just got back from the mountains.", 0.8),
    Turn("user", "We walked for three days, and on the last morning,", 0.45),
    Turn("user", "the whole valley was under the clouds.", 0.35),
    Turn("avatar", "Oh, that sounds wonderful! Did you see the sun come up?", 0.4),
    Turn("user", "We did. It came up red, and then, all at once, everything was gold.", 0.35),
    Turn("user", "I wish you had been there.", 0.6),
    Turn("avatar", "So do I. Next time, take me with you. I will bring the coffee.", 0.45),
    Turn("user", "Deal. You bring the coffee, and I carry everything else.", 0.35),
    Turn("avatar", "Perfect. See you on the mountain.", 0.4),
)
TAIL_S = 1.0


def speak(text: str, voice: str) -> Floats:
    """Synthetic speech, 16 kHz mono in [-1, 1]. Raises SetupError without flite."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        try:
            subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
        except FileNotFoundError:
            raise SetupError("flite is not installed", hint="Install the package flite.") from None
        with wave.open(str(path)) as reader:
            if reader.getframerate() != SAMPLE_RATE_HZ:
                raise SetupError(
                    f"flite speaks at {reader.getframerate()} Hz, not {SAMPLE_RATE_HZ}"
                )
            samples = np.frombuffer(reader.readframes(reader.getnframes()), np.int16)
    return (samples / 32768).astype(np.float32)


def make_voices() -> dict[Side, Floats]:
    """The whole conversation, one channel a person, both of the same whole number of frames."""
    channels: dict[Side, list[Floats]] = {"user": [], "avatar": []}
    for turn in TURNS:
        pause = np.zeros(round(turn.pause_s * SAMPLE_RATE_HZ), np.float32)
        speech = speak(turn.text, VOICES[turn.side])
        for side, parts in channels.items():
            parts += [pause, speech if side == turn.side else np.zeros_like(speech)]
    length = sum(map(len, channels["user"])) + round(TAIL_S * SAMPLE_RATE_HZ)
    length = -(-length // SAMPLES_PER_FRAME) * SAMPLES_PER_FRAME
    return {side: _padded(np.concatenate(parts), length) for side, parts in channels.items()}


def _padded(samples: Floats, length: int) -> Floats:
    return np.pad(samples, (0, length - len(samples)))
