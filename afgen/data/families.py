"""Features that other families of models learn from, made once and kept with the samples.

| name | field | of | made with |
|---|---|---|---|
| `mesh` | `motion_TD` (float32) | landmarks | the embedded basis; always there |
| `lia` | `lia_TD` (float32) | pictures | the motion latent autoencoder |
| `wav2vec2` | `wav2vec2_TA` (float16) | the whole voice | twelve layers: 1.7 GB an hour |

The last two need weights that the user has imported.

Shape letters: T frames, N landmarks, D motion, A audio features.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from afgen.autoencoder.interface import MotionAutoencoder
from afgen.clock import SAMPLES_PER_FRAME
from afgen.conditions.features import AudioFeatures
from afgen.data.crops import usual_square
from afgen.data.shards import Array
from afgen.errors import OptionError
from afgen.presets import load_models
from afgen.signals import FaceView, Floats, Image, Samples
from afgen.weights import store

EMBEDDED: Final = "mesh"
IMPORTED: Final = ("lia", "wav2vec2")
WEIGHTS: Final = "avatar-forcing"  # the set of weights that the imported families come from


def choose(asked: str) -> tuple[str, ...]:
    """Families by name: `auto` for all that have weights here, or names joined by commas.

    Raises OptionError for an unknown name, WeightsMissingError for one without weights.
    """
    known = store.look_up(WEIGHTS)
    if asked == "auto":
        return (EMBEDDED, *IMPORTED) if known is not None and not known.lacks else (EMBEDDED,)
    names = {name.strip() for name in asked.split(",") if name.strip()}
    if unknown := sorted(names - {EMBEDDED, *IMPORTED}):
        raise OptionError(
            f"There are no features {', '.join(unknown)}.",
            hint=f"Known: {', '.join((EMBEDDED, *IMPORTED))}, or auto.",
        )
    if names & set(IMPORTED):
        store.find(WEIGHTS)
    return (EMBEDDED, *(name for name in IMPORTED if name in names))


def weights_of(families: Iterable[str]) -> dict[str, str]:
    """SHA-256 of the imported weights that are used; empty for the embedded family alone."""
    return dict(store.find(WEIGHTS).sha256) if set(families) & set(IMPORTED) else {}


@dataclass(frozen=True)
class Extras:
    """The imported models that are wanted; None where a family is not."""

    autoencoder: MotionAutoencoder[Any, Any] | None = None
    voice: AudioFeatures | None = None

    def voice_rows(self, audio_S: Samples) -> dict[str, Array]:
        """Rows of a whole voice, by the field's name; nothing where the family is not wanted."""
        if self.voice is None:
            return {}
        rows_TA, _ = self.voice.rows(audio_S, 0, len(audio_S) // SAMPLES_PER_FRAME)
        return {"wav2vec2_TA": rows_TA.astype(np.float16)}

    def latents(self, pictures: Iterable[Image], landmarks_TN3: Floats) -> Floats:
        """Motion latents (T, D) of a face in a recording's pictures."""
        if self.autoencoder is None:
            raise ValueError("there is no autoencoder to make latents with")
        state, rows = usual_square(landmarks_TN3), []
        for frame, (image_HWC, landmarks_N3) in enumerate(
            zip(pictures, landmarks_TN3, strict=True)
        ):
            view = FaceView(frame, image_HWC, landmarks_N3)
            motion_D, state = self.autoencoder.encode(view, state)
            rows.append(motion_D)
        return np.stack(rows)


@cache
def load_extras(families: tuple[str, ...]) -> Extras:
    """The models of the imported families, once a process. Raises WeightsError."""
    if not set(families) & set(IMPORTED):
        return Extras()
    models = load_models(WEIGHTS)
    return Extras(
        autoencoder=models.autoencoder(None) if "lia" in families else None,
        voice=models.features["whole"] if "wav2vec2" in families else None,
    )
