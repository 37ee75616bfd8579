"""A bank of composed conversations on disk, and the windows a training step draws from it.

Composing costs more than a training step may wait for, so it is done once, shard by shard.

Shape letters: N conversations, T frames, B rows, W frames of a window, D motion, A audio, R
references.
"""

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from afgen.conditions.logmel import LogMelFeatures
from afgen.data.body import load_body
from afgen.data.clips import load_talker
from afgen.data.examples import ConversationConfig, compose
from afgen.errors import WeightsMismatchError
from afgen.signals import Floats

Halves = NDArray[np.float16]

FIELDS: Final = ("avatar_audio_TA", "user_audio_TA", "user_motion_TD", "motion_TD", "references_RD")
_COMPOSED: Final = "composed-"
START_SHARE: Final = 0.15  # of windows that begin where a recording begins


@dataclass(frozen=True, slots=True)
class BankConfig:
    """How many conversations, of which kind."""

    conversations: int = 800
    per_shard: int = 32
    kind: ConversationConfig = field(default_factory=ConversationConfig)

    @property
    def shards(self) -> int:
        """Files that the bank is made of."""
        return -(-self.conversations // self.per_shard)


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a window was cut from: a conversation and its first frame there."""

    conversation: str
    start: int
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Windows:
    """What one training step sees. Mirrored rows are mirrored throughout.

    The columns of `has_B3` (1 or 0) are avatar audio, user audio, user motion: what a row lacks is
    zero.
    """

    avatar_audio_BWA: Floats
    user_audio_BWA: Floats
    user_motion_BWD: Floats
    motion_BWD: Floats
    reference_BD: Floats
    has_B3: Floats
    cuts: tuple[Cut, ...]

    def unseen(self) -> "Windows":
        """The same windows, nothing of the user's motion in them."""
        seen_3 = np.array([1, 1, 0], np.float32)
        still_BWD = np.zeros_like(self.user_motion_BWD)
        return dataclasses.replace(self, user_motion_BWD=still_BWD, has_B3=self.has_B3 * seen_3)


def joined(parts: Sequence[Windows]) -> Windows:
    """The rows of several windows, one after the other."""
    if len(parts) == 1:
        return parts[0]
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in (field.name for field in dataclasses.fields(Windows))
        if name != "cuts"
    }
    return Windows(**arrays, cuts=tuple(cut for part in parts for cut in part.cuts))


@dataclass(frozen=True, slots=True)
class Bank:
    """All conversations in memory, at half precision."""

    avatar_audio_NTA: Halves
    user_audio_NTA: Halves
    user_motion_NTD: Halves
    motion_NTD: Halves
    references_NRD: Halves

    def windows(self, rng: np.random.Generator, rows: int, frames: int) -> Windows:
        """Random windows, each mirrored or not, with one of the conversation's references."""
        total, length, _ = self.motion_NTD.shape
        which_B = rng.integers(0, total, rows)
        start_B = rng.integers(0, length - frames + 1, rows)
        start_B[rng.random(rows) < START_SHARE] = 0
        mirrored_B = rng.random(rows) < 0.5
        sign_BD = np.where(mirrored_B[:, None], load_body().mirror_D, np.float32(1))
        reference_B = rng.integers(0, self.references_NRD.shape[1], rows)

        def cut(whole_NTX: Halves) -> Floats:
            pieces = [
                whole_NTX[n, start : start + frames]
                for n, start in zip(which_B, start_B, strict=True)
            ]
            whole_BWX: Floats = np.stack(pieces).astype(np.float32)
            return whole_BWX

        return Windows(
            avatar_audio_BWA=cut(self.avatar_audio_NTA),
            user_audio_BWA=cut(self.user_audio_NTA),
            user_motion_BWD=cut(self.user_motion_NTD) * sign_BD[:, None],
            motion_BWD=cut(self.motion_NTD) * sign_BD[:, None],
            reference_BD=self.references_NRD[which_B, reference_B].astype(np.float32) * sign_BD,
            has_B3=np.ones((rows, 3), np.float32),
            cuts=tuple(
                Cut(composed_name(int(n)), int(start), bool(mirrored))
                for n, start, mirrored in zip(which_B, start_B, mirrored_B, strict=True)
            ),
        )


def composed_name(number: int) -> str:
    """What conversation `number` of a bank is called."""
    return f"{_COMPOSED}{number:06d}"


def composed_number(name: str) -> int | None:
    """The number of a conversation of that name, None where it is not a bank's."""
    number = name.removeprefix(_COMPOSED)
    return int(number) if number != name and number.isdecimal() else None


def build_bank(
    shards_dir: Path,
    out_dir: Path,
    config: BankConfig,
    *,
    processes: int = 2,
    say: Callable[[str], None] = lambda line: None,
) -> Bank:
    """Compose what is missing of the bank in `out_dir`, and load it.

    Raises WeightsMismatchError where `out_dir` holds a bank of another configuration.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    _claim(out_dir / "bank.json", config)
    missing = [shard for shard in range(config.shards) if not _path(out_dir, shard).exists()]
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        waiting: list[Future[None]] = [
            pool.submit(write_shard, shards_dir, out_dir, config, shard) for shard in missing
        ]
        for done, future in enumerate(as_completed(waiting), start=1):
            future.result()
            say(f"composed {done}/{len(missing)} parts of the conversation bank")
    return load_bank(out_dir, config)


def write_shard(shards_dir: Path, out_dir: Path, config: BankConfig, shard: int) -> None:
    """Compose one shard of conversations and write it whole or not at all."""
    torch.set_num_threads(1)
    clips, body, features = load_talker(shards_dir).clips, load_body(), LogMelFeatures()
    first = shard * config.per_shard
    indices = range(first, min(config.conversations, first + config.per_shard))
    examples = [compose(clips, body, features, config.kind, index) for index in indices]
    temporary = _path(out_dir, shard).with_suffix(".tmp.npz")
    stacked = {
        name: np.stack([getattr(example, name) for example in examples]).astype(np.float16)
        for name in FIELDS
    }
    np.savez(temporary, **stacked)
    temporary.replace(_path(out_dir, shard))


def load_bank(out_dir: Path, config: BankConfig) -> Bank:
    """A complete bank."""

    def shards(name: str) -> Iterator[Halves]:
        for shard in range(config.shards):
            with np.load(_path(out_dir, shard)) as stored:
                yield stored[name]

    return Bank(*(np.concatenate(list(shards(name))) for name in FIELDS))


def _path(out_dir: Path, shard: int) -> Path:
    return out_dir / f"shard_{shard:04d}.npz"


def _claim(path: Path, config: BankConfig) -> None:
    """Write down what the bank is made of, or compare with what it says."""
    wanted = json.dumps(dataclasses.asdict(config), indent=1)
    if not path.exists():
        path.write_text(wanted, encoding="utf-8")
    elif path.read_text(encoding="utf-8") != wanted:
        raise WeightsMismatchError(
            f"{path.parent} holds conversations of another configuration",
            hint="Choose another folder, or remove that one.",
        )
