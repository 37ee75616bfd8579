"""Composed conversations as shards with both sides, to measure on or to look into.

They are what a bank is made of (`conversations.py`), of other seeds: the same talking that was kept
out of training gives conversations that nobody has learned from. Motion is what people do, not what
a tracker makes of it.

Shape letters: T frames, S samples, D motion.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from afgen.autoencoder.mesh.basis import load_basis
from afgen.autoencoder.mesh.measures import eye_openings, mouth_opening
from afgen.autoencoder.mesh.motion import EXPRESSION
from afgen.clock import FRAME_RATE_HZ, SAMPLE_RATE_HZ
from afgen.data.body import load_body
from afgen.data.clips import load_talker
from afgen.data.conversations import Conversation, Participant, converse
from afgen.data.shards import Array, Entry, Metadata, Sample, ShardSet, ShardWriter, open_shards
from afgen.errors import FileMissingError, OptionError
from afgen.signals import to_samples

APART_SEED: Final = 7_000_003  # added to the seed: no conversation of a bank is composed again
COMPOSED: Final = "composed"  # the entry that tells composed shards from prepared ones


@dataclass(frozen=True, slots=True)
class ComposeConfig:
    """Which conversations, and how they are heard."""

    conversations: int = 24
    frames: int = 60 * FRAME_RATE_HZ
    seed: int = 0
    recorded: bool = False  # through rooms and microphones, as in training; else as said


def write_conversations(
    shards_dir: Path,
    out_dir: Path,
    config: ComposeConfig,
    *,
    tell: Callable[[int], None] = lambda done: None,
) -> None:
    """Compose conversations of the talking in `shards_dir`; the bytes depend on nothing else.

    Raises FileMissingError, ShardsDamagedError, and OptionError where `out_dir` holds shards that
    were not composed.
    """
    shards = open_shards(shards_dir)
    _refuse_others(out_dir)
    clips, body = load_talker(shards_dir).clips, load_body()
    several = len({clip.person for clip in clips}) > 1
    made_from = {"shards_sha256": [one.sha256 for one in shards.shards]}
    with ShardWriter(out_dir, {COMPOSED: {**asdict(config), **made_from}}) as writer:
        for index in range(config.conversations):
            rng = np.random.default_rng((APART_SEED + config.seed, index))
            drawn = converse(rng, clips, body, config.frames)
            sample = _sample(f"{COMPOSED}-{config.seed}-{index:04d}", drawn, shards, config)
            # the people of intervals: speakers where there are several, else simulated people
            person = drawn.avatar.speaker if several else sample.key
            writer.add(replace(sample, metadata={**sample.metadata, "identity_group": person}))
            tell(index + 1)


def _refuse_others(folder: Path) -> None:
    try:
        about = open_shards(folder).about
    except FileMissingError:
        return
    if COMPOSED not in about:
        raise OptionError(f"{folder} holds prepared recordings.", hint="Choose another folder.")


def _sample(key: str, drawn: Conversation, shards: ShardSet, config: ComposeConfig) -> Sample:
    sides = {"avatar": drawn.avatar, "user": drawn.user}
    said = {side: _said(one, shards) for side, one in sides.items()}
    metadata = {
        "frames": config.frames,
        "alignment": {"frame_rate_hz": FRAME_RATE_HZ, "sample_rate_hz": SAMPLE_RATE_HZ},
        "scene": drawn.scene.name.lower(),
        "people": {
            side: {
                "in_view": True,
                "speaker": one.speaker,
                "speaks": round(float(one.speech_T.mean()), 3),
                "says": sorted({_file(entry) for entry in said[side]}),
            }
            for side, one in sides.items()
        },
        **_terms([entry.metadata for entries in said.values() for entry in entries]),
    }
    arrays: dict[str, Array] = {}
    for side, one in sides.items():
        arrays |= {f"{side}_{name}": array for name, array in _fields(one, config).items()}
    return Sample(key, metadata, arrays)


def _said(one: Participant, shards: ShardSet) -> list[Entry]:
    return [shards.entry(clip.name) for clip in one.clips]


def _file(entry: Entry) -> str:
    """The recording a clip was cut from, as its corpus calls it."""
    source = entry.metadata.get("source")
    return str(source.get("file", entry.key)) if isinstance(source, Mapping) else entry.key


def _terms(said: Sequence[Metadata]) -> dict[str, str]:
    """The terms of everything that is heard: all licences, and `no` where one of them forbids."""
    terms = {
        name: "; ".join(sorted({str(one[name]) for one in said if one.get(name)}))
        for name in ("licence", "license_class")
    }
    if any("train_weights" in one for one in said):
        allowed = all(one.get("train_weights") == "yes" for one in said)
        terms["train_weights"] = "yes" if allowed else "no"
    return {name: told for name, told in terms.items() if told}


def _fields(one: Participant, config: ComposeConfig) -> dict[str, Array]:
    """One side, under the names that prepared recordings have."""
    basis = load_basis()
    shape_TN3 = basis.mean_N3 + basis.displacement(one.motion_TD[:, EXPRESSION])
    return {
        "motion_TD": one.motion_TD,
        "mouth_T": mouth_opening(shape_TN3).astype(np.float32),
        "eyes_T": eye_openings(shape_TN3).mean(axis=-1).astype(np.float32),
        "audio_S": to_samples(one.recorded_S if config.recorded else one.voice_S),
        "speech_T": one.speech_T,
    }
