"""Windows of recordings as they are, read from prepared shards as a training step needs them.

A recording of two people gives both sides; one of a single person gives the avatar's, and the rows
say that the user's is missing. Only the frames of a window are read. Rows of log-mel are made on
the spot, from a few seconds of sound before the window on; latents of a network and rows of
wav2vec2 come prepared.

Shape letters: B rows, W frames of a window, D motion, A audio features, S samples.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from afgen.clock import FRAME_RATE_HZ, SAMPLES_PER_FRAME
from afgen.conditions.logmel import LogMelFeatures
from afgen.data.bank import START_SHARE, Cut, Windows, joined
from afgen.data.body import load_body
from afgen.data.shards import Entry, ShardSet
from afgen.errors import FileMissingError
from afgen.signals import Floats, to_sound

Family = Literal["mesh", "lia"]

FEW_PEOPLE: Final = 10
WARM_UP_FRAMES: Final = 4 * FRAME_RATE_HZ  # within which the level of a voice is found


@dataclass(frozen=True, slots=True)
class Fields:
    """What a family's motion and hearing are called in the shards, without the side."""

    motion: str
    audio: str
    audio_dim: int


FIELDS_OF: Final[dict[Family, Fields]] = {
    "mesh": Fields("motion_TD", "audio_S", LogMelFeatures().audio_dim),
    "lia": Fields("lia_TD", "wav2vec2_TA", 9216),
}


@dataclass(frozen=True)
class Dyads:
    """Recordings of a family that are long enough to be learned from."""

    shards: ShardSet
    family: Family
    entries: Sequence[Entry]
    features: LogMelFeatures

    def windows(self, rng: np.random.Generator, rows: int, frames: int) -> Windows:
        """Random windows, each moment as likely; the reference is any frame of the recording.

        Of the mesh, half of them are mirrored. Raises FileMissingError where none is long enough.
        """
        length_N = self._lengths
        usable_N = np.maximum(length_N - frames + 1, 0)
        if not usable_N.any():
            raise FileMissingError(
                f"no recording in the shards has {frames} frames of {self.family}"
            )
        which_B = rng.choice(len(usable_N), rows, p=usable_N / usable_N.sum())
        start_B = rng.integers(0, usable_N[which_B])
        start_B[rng.random(rows) < START_SHARE] = 0
        reference_B = rng.integers(0, length_N[which_B])
        mirrored_B = (rng.random(rows) < 0.5) & (self.family == "mesh")
        cuts = tuple(
            Cut(self.entries[which].key, int(start), bool(mirrored))
            for which, start, mirrored in zip(which_B, start_B, mirrored_B, strict=True)
        )
        return joined(
            [self._row(*row, frames) for row in zip(cuts, reference_B.tolist(), strict=True)]
        )

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return np.array([self.frames(entry) for entry in self.entries], np.int64)

    def frames(self, entry: Entry) -> int:
        """Frames of a recording."""
        return entry.places[f"avatar_{FIELDS_OF[self.family].motion}"].shape[0]

    def motion(self, key: str, side: str, start: int, stop: int) -> Floats | None:
        """Motion (W, D) of a side, None where the recording lacks it."""
        return self._rows(key, f"{side}_{FIELDS_OF[self.family].motion}", start, stop)

    def audio(self, key: str, side: str, start: int, stop: int) -> Floats | None:
        """Audio features (W, A) of a side, None where the recording lacks it."""
        field = f"{side}_{FIELDS_OF[self.family].audio}"
        if self.family != "mesh":
            return self._rows(key, field, start, stop)
        warm = max(0, start - WARM_UP_FRAMES)
        if field not in self.shards.entry(key).places:
            return None
        first, last = warm * SAMPLES_PER_FRAME, stop * SAMPLES_PER_FRAME
        sound_S = to_sound(self.shards.rows(key, field, first, last))
        sound_S = np.pad(sound_S, (0, last - first - len(sound_S)))
        rows_TA: Floats = self.features(sound_S)[0][start - warm :]
        return rows_TA

    def _rows(self, key: str, field: str, start: int, stop: int) -> Floats | None:
        if field not in self.shards.entry(key).places:
            return None
        rows: Floats = self.shards.rows(key, field, start, stop).astype(np.float32)
        return rows

    def _row(self, cut: Cut, reference: int, frames: int) -> Windows:
        """One window, as a batch of one row."""
        key, start, stop = cut.conversation, cut.start, cut.start + frames
        motion_WD = self.motion(key, "avatar", start, stop)
        picture_1D = self.motion(key, "avatar", reference, reference + 1)
        if motion_WD is None or picture_1D is None:
            raise FileMissingError(f"The sample {key} has no motion of the avatar.")
        own_WA, heard_WA = (self.audio(key, side, start, stop) for side in ("avatar", "user"))
        seen_WD = self.motion(key, "user", start, stop)
        silence_WA = np.zeros((frames, FIELDS_OF[self.family].audio_dim), np.float32)
        sign_D = load_body().mirror_D if cut.mirrored else np.float32(1)
        has_3 = [one is not None for one in (own_WA, heard_WA, seen_WD)]
        return Windows(
            avatar_audio_BWA=(silence_WA if own_WA is None else own_WA)[None],
            user_audio_BWA=(silence_WA if heard_WA is None else heard_WA)[None],
            user_motion_BWD=(np.zeros_like(motion_WD) if seen_WD is None else seen_WD * sign_D)[
                None
            ],
            motion_BWD=(motion_WD * sign_D)[None],
            reference_BD=picture_1D * sign_D,
            has_B3=np.array([has_3], np.float32),
            cuts=(cut,),
        )


def dyads_in(shards: ShardSet, family: Family, *, held_out_share: float) -> tuple[Dyads, Dyads]:
    """Recordings to learn from, and those kept out, chosen by their names alone.

    Whole people are kept out where the shards tell of enough of them, else single recordings.
    """
    needed = f"avatar_{FIELDS_OF[family].motion}"
    entries = [entry for entry in shards.entries if needed in entry.places]
    people = [str(entry.metadata.get("identity_group", "")) for entry in entries]
    if "" in people or len(set(people)) < FEW_PEOPLE:
        people = [entry.key for entry in entries]
    apart = [zlib.crc32(person.encode()) / 2**32 < held_out_share for person in people]
    features = LogMelFeatures()

    def dyads(kept_out: bool) -> Dyads:
        chosen = [one for one, out in zip(entries, apart, strict=True) if out is kept_out]
        return Dyads(shards, family, chosen, features)

    return dyads(False), dyads(True)
