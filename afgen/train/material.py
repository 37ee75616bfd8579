"""What a generator learns from: composed conversations, recordings as they are, or both.

Shape letters: B rows, W frames of a window, D motion, A audio features.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from afgen.clock import seconds_at
from afgen.data.bank import (
    Bank,
    BankConfig,
    Windows,
    build_bank,
    composed_name,
    composed_number,
    joined,
    load_bank,
)
from afgen.data.dyads import Dyads, Family, dyads_in
from afgen.data.shards import ShardSet, open_shards
from afgen.errors import FileMissingError
from afgen.signals import Floats
from afgen.train.distributed import ALONE, World

HELD_OUT_SEED: Final = 4_000_037  # added to the seed of conversations that no step learns from


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Which kind of motion, where it comes from, and what is kept out to evaluate on.

    `real_share` of a batch's rows are recordings as they are; the rest is composed of their talking
    and simulated behaviour, which is known for the mesh only.
    """

    family: Family = "mesh"
    real_share: float = 0.0
    held_out_share: float = 0.05  # of the recordings
    held_out_conversations: int = 16  # composed apart
    user_motion: bool = True  # without it, the user is heard and never seen

    def __post_init__(self) -> None:
        if not 0 <= self.real_share <= 1:
            raise ValueError("real_share is a share")
        if self.family != "mesh" and self.real_share < 1:
            raise ValueError("conversations are composed for the mesh only: real_share must be 1")


@dataclass(frozen=True)
class Material:
    """Both sources, of which one may be missing."""

    composed: Bank | None
    recorded: Dyads | None
    real_share: float
    user_motion: bool = True

    def windows(self, rng: np.random.Generator, rows: int, frames: int) -> Windows:
        """Random windows of both sources. Raises FileMissingError where none is long enough."""
        real = rows if self.composed is None else 0
        if self.composed is not None and self.recorded is not None:
            real = int((rng.random(rows) < self.real_share).sum())
        parts = []
        if self.composed is not None and real < rows:
            parts.append(self.composed.windows(rng, rows - real, frames))
        if self.recorded is not None and real:
            parts.append(self.recorded.windows(rng, real, frames))
        windows = joined(parts)
        return windows if self.user_motion else windows.unseen()

    def names(self) -> list[str]:
        """Of all conversations, composed ones first."""
        composed = 0 if self.composed is None else len(self.composed.motion_NTD)
        recorded = [] if self.recorded is None else [one.key for one in self.recorded.entries]
        return [composed_name(number) for number in range(composed)] + recorded

    def alone(self, name: str) -> tuple[Floats, Floats]:
        """The avatar's whole audio (T, A) and a motion (D,) of its picture, without the user."""
        if self.composed is not None:
            number = composed_number(name)
            if number is not None:
                audio_TA = self.composed.avatar_audio_NTA[number].astype(np.float32)
                return audio_TA, self.composed.references_NRD[number, 0].astype(np.float32)
        if self.recorded is None:
            raise FileMissingError(f"There is no conversation {name}.")
        stop = self.recorded.frames(self.recorded.shards.entry(name))
        audio = self.recorded.audio(name, "avatar", 0, stop)
        picture_1D = self.recorded.motion(name, "avatar", 0, 1)
        if audio is None or picture_1D is None:
            raise FileMissingError(f"The sample {name} has no voice or no motion of the avatar.")
        return audio, picture_1D[0]


def gather(
    shards_dir: Path,
    run_dir: Path,
    data: DataConfig,
    bank: BankConfig,
    *,
    world: World = ALONE,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Material, Material]:
    """What is learned from, and what is kept out. Conversations are composed into `run_dir`.

    Raises FileMissingError, ShardsDamagedError, and WeightsMismatchError where the folder holds
    conversations of another configuration.
    """
    recorded: tuple[Dyads | None, Dyads | None] = (None, None)
    composed: tuple[Bank | None, Bank | None] = (None, None)
    if data.real_share > 0:
        recorded = dyads_in(
            open_shards(shards_dir), data.family, held_out_share=data.held_out_share
        )
    if data.real_share < 1:
        kind = dataclasses.replace(bank.kind, seed=bank.kind.seed + HELD_OUT_SEED)
        apart = dataclasses.replace(bank, conversations=data.held_out_conversations, kind=kind)
        composed = (
            _bank(shards_dir, run_dir / "bank", bank, world, say),
            _bank(shards_dir, run_dir / "bank_held_out", apart, world, say),
        )
    learned, held_out = (
        Material(each, dyads, data.real_share, data.user_motion)
        for each, dyads in zip(composed, recorded, strict=True)
    )
    return learned, held_out


def _bank(
    shards_dir: Path,
    folder: Path,
    config: BankConfig,
    world: World,
    say: Callable[[str], None],
) -> Bank:
    """Composed by the first process, read by all."""
    bank = build_bank(shards_dir, folder, config, say=say) if world.leads else None
    world.wait()
    return load_bank(folder, config) if bank is None else bank


def origin_of(shards: ShardSet) -> dict[str, Any]:
    """What a checkpoint says of the data: how much of it, under which licences, how prepared."""
    facts = [entry.metadata for entry in shards.entries]
    frames = sum(int(one.get("frames", 0)) for one in facts)
    return {
        "recordings": len(facts),
        "hours": round(seconds_at(frames) / 3600, 3),
        "licences": sorted({str(one["licence"]) for one in facts if one.get("licence")}),
        "shards_sha256": [shard.sha256 for shard in shards.shards],
        "prepared": dict(shards.about),
    }
