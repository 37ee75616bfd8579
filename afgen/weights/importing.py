"""Public checkpoints into a set of ours: read without running code, checked, renamed, written.

What comes out depends on the given files alone, so the same checkpoint always gives the same bytes;
the date, the address and the version of the program stand beside them in the set's record.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from afgen.checkpoint import load_header, save_checkpoint
from afgen.conditions.wav2vec2.hugging_face import WEIGHTS as HUGGING_FACE_WEIGHTS
from afgen.errors import (
    DiskFullError,
    OptionError,
    OutputUnwritableError,
    WeightsMismatchError,
    WeightsMissingError,
)
from afgen.media.files import sha256_of
from afgen.weights import store
from afgen.weights.recipes import ImportOptions, Recipe, recipe_of
from afgen.weights.store import Installed, Origin

Tell = Callable[[int, int], None]  # parts done, parts in all


@dataclass(frozen=True, slots=True)
class Given:
    """A file or folder of the user's, where it was fetched from and the hash it should have."""

    path: Path
    url: str | None = None
    sha256: str | None = None


def import_set(
    kind: str,
    given: Mapping[str, Given],
    *,
    options: ImportOptions | None = None,
    tell: Tell = lambda done, total: None,
) -> Installed:
    """Make or complete the set of this kind; parts that are not given stay as they are.

    The set changes when all parts are well, and at once. Raises OptionError, InputError for files
    that cannot be opened, WeightsError of one kind or another for what is in them, OutputError.
    """
    recipe = recipe_of(kind)
    if not given or not given.keys() <= recipe.parts.keys():
        raise OptionError(
            f"nothing to import for {kind}.", hint=f"It has the parts: {', '.join(recipe.parts)}."
        )
    before = store.look_up(recipe.name)
    with store.replacing(recipe.name) as fresh:
        made: dict[str, tuple[str, Origin]] = {}
        for part, file in given.items():
            tell(len(made), len(given))
            made[part] = _import_part(recipe, part, file, fresh, options or ImportOptions())
        tell(len(given), len(given))
        if before is not None:
            made |= _keep(before, [part for part in before.sha256 if part not in given], fresh)
        made = {part: made[part] for part in recipe.parts if part in made}
        headers = {part: load_header(fresh / f"{part}.safetensors") for part in made}
        _require_fit({part: config for part, (config, _) in headers.items()})
        told = [provenance for _, provenance in headers.values()]
        store.write_record(_record(kind, recipe, fresh, made, told), fresh)
    return _there(recipe.name)


def _there(name: str) -> Installed:
    known = store.look_up(name)
    if known is None:
        raise OutputUnwritableError(f"{store.store_folder() / name} vanished.")
    return known


def _import_part(
    recipe: Recipe, part: str, file: Given, fresh: Path, options: ImportOptions
) -> tuple[str, Origin]:
    """Write one part; its hash and where it comes from."""
    origin = _origin(file)
    converted = recipe.parts[part](file.path, options)
    _require_room(fresh, sum(4 * tensor.numel() for tensor in converted.tensors.values()))
    provenance = {
        "source": origin.model_dump(exclude={"url"}),
        "licence": recipe.licence.name,
        "notice": recipe.licence.notice,
        "time_direction": converted.time_direction,
        "mask": converted.mask,
        "remarks": list(converted.remarks),
    }
    sha256 = save_checkpoint(
        fresh / f"{part}.safetensors",
        converted.tensors,
        config=converted.config,
        provenance=provenance,
        dtype=torch.float32,
    )
    return sha256, origin


def _keep(before: Installed, parts: list[str], fresh: Path) -> dict[str, tuple[str, Origin]]:
    for part in parts:
        store.keep_part(before, part, fresh)
    return {part: (before.sha256[part], before.source[part]) for part in parts}


def _record(
    kind: str,
    recipe: Recipe,
    folder: Path,
    made: Mapping[str, tuple[str, Origin]],
    told: list[dict[str, Any]],
) -> Installed:
    def first(key: str) -> str | None:
        return next((each[key] for each in told if each[key]), None)

    return Installed(
        folder=folder,
        name=recipe.name,
        kind=kind,
        sha256={part: sha256 for part, (sha256, _) in made.items()},
        source={part: origin for part, (_, origin) in made.items()},
        licence=recipe.licence.name,
        licence_url=recipe.licence.url,
        notice=recipe.licence.notice,
        imported_at=datetime.now(UTC).isoformat(timespec="seconds"),
        tool=f"afgen {version('afgen')}",
        time_direction=first("time_direction"),
        mask=first("mask"),
        remarks=tuple(remark for each in told for remark in each["remarks"]),
    )


def _origin(file: Given) -> Origin:
    path = file.path.absolute()
    inside = [path / name for name in HUGGING_FACE_WEIGHTS if (path / name).is_file()]
    if path.is_dir() and not inside:
        raise WeightsMissingError(
            f"{path} has no {' and no '.join(HUGGING_FACE_WEIGHTS)}.",
            hint="A folder is given for wav2vec2 alone, that of facebook/wav2vec2-base-960h.",
        )
    weights = inside[0] if inside else path
    found = sha256_of(weights)
    if file.sha256 is not None and found != file.sha256.lower():
        raise WeightsMismatchError(
            f"{weights.name} has the SHA-256 {found}, not {file.sha256}.",
            hint="It is another file than the one you were told of.",
        )
    return Origin(
        file=f"{path.name}/{weights.name}" if inside else path.name,
        sha256=found,
        size_bytes=weights.stat().st_size,
        url=file.url,
    )


def _require_room(folder: Path, size_bytes: int) -> None:
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < size_bytes:
        raise DiskFullError(
            f"{folder.parent} has {free_bytes / 1e6:.0f} MB left, and {size_bytes / 1e6:.0f} MB "
            "are to be written.",
            hint="Free some space, or choose another folder with AFGEN_WEIGHTS.",
        )


def _require_fit(configs: Mapping[str, Mapping[str, Any]]) -> None:
    """Parts that are there must speak of the same motion and the same audio features."""
    generator = configs.get("generator", {}).get("generator")
    autoencoder = configs.get("autoencoder", {}).get("autoencoder")
    audio = configs.get("wav2vec2", {}).get("wav2vec2")
    if generator and autoencoder and generator["motion_dim"] != autoencoder["latent_dim"]:
        raise WeightsMismatchError(
            f"the generator makes motion of {generator['motion_dim']} numbers and the autoencoder "
            f"has {autoencoder['latent_dim']}.",
            hint="Give the two files that were published together.",
        )
    if generator and audio:
        heard = audio["layers"] * audio["width"]
        if generator["audio_dim"] != heard:
            raise WeightsMismatchError(
                f"the generator expects {generator['audio_dim']} audio features and the wav2vec2 "
                f"folder gives {heard}.",
                hint="Give the folder of wav2vec2-base-960h.",
            )
