"""Prepared samples as they are evaluated: one person's motion and what was said around it.

Shape letters: T frames, D motion, S samples.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from afgen.clock import SAMPLES_PER_FRAME
from afgen.errors import ShardsError
from afgen.signals import Floats, Samples

FIELDS: Final = (
    "avatar_motion_TD",
    "avatar_mouth_T",
    "avatar_audio_S",
    "user_motion_TD",
    "user_audio_S",
)


class Known(Protocol):
    """A sample of `afgen.data.shards`, or its entry in their index."""

    @property
    def key(self) -> str:
        """Its name."""
        ...

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What is known of it."""
        ...


class SampleLike(Known, Protocol):
    """What is read of a sample."""

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Its fields."""
        ...


class SampleSet(Protocol):
    """What is asked of a set of samples: a `ShardSet` of `afgen.data.shards`, or one in memory."""

    @property
    def keys(self) -> list[str]:
        """Names of all samples, in order."""
        ...

    def read(self, key: str, fields: Iterable[str] | None = None) -> SampleLike:
        """A sample with those of `fields` that it has."""
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """One clip. Sides that it lacks are None."""

    key: str
    person: str  # intervals draw people, so all clips of one person have this in common
    motion_TD: Floats  # of the real person whose part the avatar takes
    audio_S: Samples | None = None
    mouth_T: Floats | None = None
    user_motion_TD: Floats | None = None
    user_audio_S: Samples | None = None

    @property
    def frames(self) -> int:
        """T."""
        return len(self.motion_TD)

    @property
    def sha256(self) -> str:
        """Of all that a system is given or measured against."""
        digest = hashlib.sha256()
        sides = (self.motion_TD, self.audio_S, self.user_motion_TD, self.user_audio_S)
        for side in sides:
            part = np.zeros(0) if side is None else np.ascontiguousarray(side)
            digest.update(f"{part.dtype.str}{part.shape};".encode())
            digest.update(part.tobytes())
        return digest.hexdigest()


def cases_of(samples: SampleSet, keys: Sequence[str] | None = None) -> Iterator[Case]:
    """The samples in which the avatar's motion is known and something is heard or seen.

    Raises ShardsError for a sample whose sides have different lengths, and as `read`.
    """
    for key in samples.keys if keys is None else keys:
        sample = samples.read(key, FIELDS)
        arrays = sample.arrays
        if "avatar_motion_TD" in arrays and arrays.keys() - {"avatar_motion_TD", "avatar_mouth_T"}:
            yield _case(sample)


def _case(sample: SampleLike) -> Case:
    arrays = sample.arrays
    motion_TD = np.asarray(arrays["avatar_motion_TD"], np.float32)
    for name, array in arrays.items():
        wanted = len(motion_TD) * (SAMPLES_PER_FRAME if name.endswith("_S") else 1)
        if len(array) != wanted:
            raise ShardsError(f"{sample.key}.{name} has {len(array)} rows, not {wanted}.")
    return Case(
        key=sample.key,
        person=person_of(sample),
        motion_TD=motion_TD,
        audio_S=arrays.get("avatar_audio_S"),
        mouth_T=arrays.get("avatar_mouth_T"),
        user_motion_TD=arrays.get("user_motion_TD"),
        user_audio_S=arrays.get("user_audio_S"),
    )


def person_of(sample: Known) -> str:
    """Who the avatar is: by group where the metadata tells it, else by recording and role.

    A sample that says neither is somebody of its own.
    """
    known = sample.metadata
    if known.get("identity_group"):
        return str(known["identity_group"])
    source, roles = known.get("source"), known.get("roles")
    if not source:
        return sample.key
    file = source.get("file", sample.key) if isinstance(source, Mapping) else source
    return f"{file} {roles.get('avatar', '')}" if isinstance(roles, Mapping) else str(file)
