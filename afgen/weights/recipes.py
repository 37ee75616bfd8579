"""How each kind of public checkpoint becomes a set: the files it has, and whose layout is whose."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from afgen.autoencoder.lia.released import AVATAR_FORCING as AUTOENCODER
from afgen.autoencoder.lia.released import from_released as autoencoder_from_released
from afgen.checkpoint import load_checkpoint
from afgen.conditions.wav2vec2.hugging_face import convert_wav2vec2
from afgen.errors import OptionError, WeightsMismatchError
from afgen.generator.released import PREFIXES as GENERATOR
from afgen.generator.released import from_released as generator_from_released
from afgen.generator.released import mask_agrees
from afgen.weights import licences
from afgen.weights.licences import Licence
from afgen.weights.reading import read_weights, require_finite

NOISE_AT_1000: Final = "time 1000 is noise, 0 is motion"
NOISE_AT_0: Final = "time 0 is noise, 1 is motion, in FLOAT's own generator (not imported)"
MASK: Final = "frame-causal, 2 frames of look-ahead"
_PARTS_OF_ALL: Final = (  # how the entries of one part or another of these systems begin
    "motion_autoencoder.",
    "flow_transformer.",
    "audio_encoder.",
    "emotion_encoder.",
    "fmt.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What cannot be seen from the weights. `heads`: attention heads of the generator."""

    heads: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A part in our names, and what is to be remembered of it."""

    tensors: dict[str, Tensor]
    config: dict[str, Any]
    time_direction: str | None = None
    mask: str | None = None
    remarks: tuple[str, ...] = ()


Convert = Callable[[Path, ImportOptions], Converted]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one kind of public checkpoint becomes a set."""

    name: str
    licence: Licence
    parts: Mapping[str, Convert]


def recipe_of(kind: str) -> Recipe:
    """Raises OptionError for a kind that is not in the list."""
    if kind not in RECIPES:
        raise OptionError(
            f"there is no kind of checkpoint {kind!r}.", hint=f"Known: {', '.join(RECIPES)}."
        )
    return RECIPES[kind]


def _autoencoder(prefix: str, entry: str | None, time_direction: str | None) -> Convert:
    def convert(path: Path, options: ImportOptions) -> Converted:
        weights, remarks = _own(read_weights(path, entry=entry), path, (prefix,))
        config, tensors = autoencoder_from_released(weights, prefix=prefix)
        return Converted(
            tensors=tensors,
            config={"autoencoder": config.as_dict()},
            time_direction=time_direction,
            remarks=remarks,
        )

    return convert


def _generator(path: Path, options: ImportOptions) -> Converted:
    weights, remarks = _own(read_weights(path), path, GENERATOR)
    config, tensors = generator_from_released(weights, heads=options.heads)
    agrees = mask_agrees(weights)
    if agrees is False:
        remarks += (f"{path.name} holds another mask, which the released code does not read",)
    return Converted(
        tensors=tensors,
        config={"generator": config.as_dict(), "features": {"kind": "wav2vec2"}},
        time_direction=NOISE_AT_1000,
        mask=f"{MASK}; also stated by the file" if agrees else MASK,
        remarks=remarks,
    )


def _trained(part: str) -> Convert:
    """A checkpoint of ours, as a run exports it."""

    def convert(path: Path, options: ImportOptions) -> Converted:
        checkpoint = load_checkpoint(path)
        if part not in checkpoint.config:
            raise WeightsMismatchError(
                f"{path.name} holds {', '.join(checkpoint.config)}, and no {part}.",
                hint="Give the file that `afgen train` wrote.",
            )
        require_finite(checkpoint.tensors, where=path.name)
        told = checkpoint.provenance
        origin = f"{part}: recipe {told.get('recipe')}, {told.get('steps')} steps"
        return Converted(tensors=checkpoint.tensors, config=checkpoint.config, remarks=(origin,))

    return convert


def _wav2vec2(path: Path, options: ImportOptions) -> Converted:
    config, tensors = convert_wav2vec2(path, _read_finite)
    return Converted(tensors=tensors, config={"wav2vec2": dataclasses.asdict(config)})


def _read_finite(path: Path) -> dict[str, Tensor]:
    weights = read_weights(path)
    require_finite(weights, where=path.name)
    return weights


def _own(
    weights: Mapping[str, Tensor], path: Path, prefixes: tuple[str, ...]
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Entries without those of other parts of the same systems, and a remark on what was left."""
    own = {
        name: tensor
        for name, tensor in weights.items()
        if name.startswith(prefixes) or not name.startswith(_PARTS_OF_ALL)
    }
    if not any(name.startswith(prefixes) for name in own):
        raise WeightsMismatchError(
            f"{path.name} has no entry '{prefixes[-1]}*'; its first is {next(iter(weights))!r}.",
            hint="This is another checkpoint than the one that was asked for.",
        )
    require_finite(own, where=path.name)
    left = sorted({name.partition(".")[0] for name in weights.keys() - own.keys()})
    remark = f"{len(weights) - len(own)} entries of other parts were left ({', '.join(left)})"
    return own, (remark,) if left else ()


RECIPES: Final[Mapping[str, Recipe]] = {
    "avatar-forcing": Recipe(
        "avatar-forcing",
        licences.AVATAR_FORCING,
        {
            "autoencoder": _autoencoder(AUTOENCODER, None, None),
            "generator": _generator,
            "wav2vec2": _wav2vec2,
        },
    ),
    "lia": Recipe("lia-vox", licences.LIA, {"autoencoder": _autoencoder("", "gen", None)}),
    "float-autoencoder": Recipe(
        "float", licences.FLOAT, {"autoencoder": _autoencoder(AUTOENCODER, None, NOISE_AT_0)}
    ),
    "trained": Recipe(
        "trained",
        licences.TRAINED,
        {
            "autoencoder": _trained("autoencoder"),
            "generator": _trained("generator"),
            "wav2vec2": _wav2vec2,
        },
    ),
}
