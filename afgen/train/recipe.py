"""A run is a named recipe plus overrides, checked against the recipe's schema and written down.

The schema is the recipe's settings themselves: frozen dataclasses, nested, with a type for each
field. An override names a field by its path, `loop.steps=200`.
"""

import dataclasses
import difflib
import hashlib
import json
import math
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import (
    Any,
    Final,
    Generic,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import torch

from afgen.errors import OptionError
from afgen.media.files import atomic_path
from afgen.train.checkpoints import written

RECIPE_FILE: Final = "recipe.json"
_BOOLEANS: Final = {"true": True, "false": False}

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Recipe(Generic[S]):
    """Everything a training run depends on besides its data and where it begins."""

    name: str
    command: str  # of `afgen train` that follows it
    summary: str
    settings: S

    def overridden(self, assignments: Sequence[str]) -> "Recipe[S]":
        """The recipe with `key=value` settings. Raises OptionError for what its schema lacks."""
        return dataclasses.replace(self, settings=overridden(self.settings, assignments))

    def as_dict(self) -> dict[str, Any]:
        """Plain data of which the settings can be made again."""
        return {
            "recipe": self.name,
            "command": self.command,
            "settings": plain(self.settings),
            "fingerprint": self.fingerprint(),
        }

    def fingerprint(self) -> str:
        """Hash of all settings."""
        text = json.dumps(plain(self.settings), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def provenance(self, **more: Any) -> dict[str, Any]:
        """What a checkpoint of a run says of its origin."""
        return {
            **self.as_dict(),
            "afgen": version("afgen"),
            "torch": str(torch.__version__),
            **more,
        }


def claim(run_dir: Path, recipe: Recipe[Any]) -> None:
    """Write the recipe into the run's folder; where learning has begun, compare with the one there.

    Raises OptionError naming what differs.
    """
    path = run_dir / RECIPE_FILE
    if path.exists() and written(run_dir):
        before = json.loads(path.read_text(encoding="utf-8"))
        if before["recipe"] != recipe.name:
            raise OptionError(
                f"{run_dir} holds a run of the recipe {before['recipe']!r}.",
                hint="Choose another folder.",
            )
        old, new = (dict(_flat(each)) for each in (before["settings"], plain(recipe.settings)))
        changed = [key for key in new if old.get(key, dataclasses.MISSING) != new[key]]
        if changed:
            raise OptionError(
                f"{run_dir} holds a run with another {changed[0]}: {old.get(changed[0])}.",
                hint="Go on with the settings it was begun with, or choose another folder.",
            )
        return
    run_dir.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(recipe.as_dict(), indent=1), encoding="utf-8")


def as_begun(run_dir: Path, known: Sequence[Recipe[Any]]) -> Recipe[Any] | None:
    """The recipe of the run in a folder, None where there is none. Raises OptionError."""
    path = run_dir / RECIPE_FILE
    if not path.exists():
        return None
    before = json.loads(path.read_text(encoding="utf-8"))
    recipe = find(before["recipe"], known)
    settings = settings_from(type(recipe.settings), before["settings"])
    return dataclasses.replace(recipe, settings=settings)


def find(name: str, known: Sequence[Recipe[Any]]) -> Recipe[Any]:
    """The recipe of that name. Raises OptionError naming the others."""
    by_name = {recipe.name: recipe for recipe in known}
    if name not in by_name:
        raise OptionError(
            f"there is no recipe {name!r}.", hint=f"Known recipes: {', '.join(by_name)}."
        )
    return by_name[name]


def overridden(settings: S, assignments: Sequence[str]) -> S:
    """The settings with every `key=value` put in place, then checked as a whole."""
    values = plain(settings)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise OptionError(f"{assignment!r} is no setting.", hint="Write --set key=value.")
        *groups, name = key.strip().split(".")
        place, cls = values, type(settings)
        for group in groups:
            cls = _field(cls, group, key, settings)
            if not dataclasses.is_dataclass(cls):
                raise _unknown(key, settings)
            place = place[group]
        place[name] = _read(text.strip(), _field(cls, name, key, settings), key)
    return settings_from(type(settings), values)


def settings_from(cls: type[S], values: Mapping[str, Any], *, where: str = "") -> S:
    """Settings of plain data, nested, every type checked. Raises OptionError."""
    hints = get_type_hints(cls)
    for key in values:
        if key not in hints:
            raise OptionError(f"there is no setting {where + key}.", hint=_nearest(key, hints))
    made = {key: _checked(value, hints[key], where + key) for key, value in values.items()}
    try:
        return cls(**made)
    except ValueError as error:
        raise OptionError(f"the settings do not fit each other: {error}.") from error


def plain(settings: Any) -> dict[str, Any]:
    """Settings as JSON has them: tuples are lists."""
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(settings)))
    return values


def listing(settings: Any) -> list[tuple[str, str, str]]:
    """Every setting: its key, its type, its value."""
    return [
        (key, _told(_type_at(type(settings), key)), json.dumps(value))
        for key, value in _flat(plain(settings))
    ]


def _flat(values: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{where}{key}.")
        else:
            yield where + key, value


def _type_at(cls: Any, key: str) -> Any:
    for name in key.split("."):
        cls = get_type_hints(cls)[name]
    return cls


def _field(cls: Any, name: str, key: str, settings: Any) -> Any:
    hints = get_type_hints(cls)
    if name not in hints:
        raise _unknown(key, settings)
    return hints[name]


def _unknown(key: str, settings: Any) -> OptionError:
    known = [each for each, _ in _flat(plain(settings))]
    return OptionError(f"there is no setting {key}.", hint=_nearest(key, known))


def _nearest(key: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    nearest = difflib.get_close_matches(key, list(known), n=1, cutoff=0)
    return f"Did you mean {nearest[0]}?" if nearest else ""


def _read(text: str, hint: Any, key: str) -> Any:
    """Plain data from what was typed, as the field's type wants it."""
    kinds = _kinds(hint)
    if type(None) in kinds and text.lower() == "none":
        return None
    kind = next(each for each in kinds if each is not type(None))
    if dataclasses.is_dataclass(kind):
        raise OptionError(f"{key} is a group of settings.", hint=f"Set one of {key}.NAME.")
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        parts = [part.strip() for part in text.split(",") if part.strip()]
        each = [inner[0]] * len(parts) if inner[-1:] == (...,) else list(inner)
        if len(parts) != len(each):
            raise _wrong(text, hint, key)
        return [_read(part, one, key) for part, one in zip(parts, each, strict=True)]
    if get_origin(kind) is Literal:
        return next((one for one in get_args(kind) if str(one) == text), text)
    try:
        return _BOOLEANS[text.lower()] if kind is bool else kind(text)
    except (ValueError, KeyError):
        raise _wrong(text, hint, key) from None


def _checked(value: Any, hint: Any, key: str) -> Any:
    """The value as its type wants it. Raises OptionError."""
    for kind in _kinds(hint):
        if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(value, Mapping):
            return settings_from(kind, value, where=f"{key}.")
        if get_origin(kind) is tuple and isinstance(value, list | tuple):
            inner = get_args(kind)
            each = [inner[0]] * len(value) if inner[-1:] == (...,) else list(inner)
            if len(each) == len(value):
                return tuple(_checked(*pair, key) for pair in zip(value, each, strict=True))
        if get_origin(kind) is Literal and value in get_args(kind):
            return value
        if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            if math.isfinite(value):
                return float(value)
        elif isinstance(kind, type) and type(value) is kind:
            return value
    raise _wrong(value, hint, key)


def _kinds(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _wrong(value: Any, hint: Any, key: str) -> OptionError:
    return OptionError(f"{key} cannot be {value!r}.", hint=f"It is {_told(hint)}.")


def _told(hint: Any) -> str:
    """A type in words."""
    kinds = []
    for kind in _kinds(hint):
        if kind is type(None):
            kinds.append("none")
        elif get_origin(kind) is Literal:
            kinds += [str(value) for value in get_args(kind)]
        elif get_origin(kind) is tuple:
            inner = [_told(one) for one in get_args(kind) if one is not ...]
            kinds.append(",".join(inner) + (",..." if ... in get_args(kind) else ""))
        else:
            kinds.append({bool: "true or false"}.get(kind, kind.__name__))
    return " or ".join(kinds)
