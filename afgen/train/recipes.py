"""All recipes by name. Each lies with the task that follows it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from afgen.train import autoencoder, baseline, generator, preference
from afgen.train.recipe import Recipe, as_begun, find

_RECIPES: Final[tuple[Recipe[Any], ...]] = (
    *generator.RECIPES,
    *preference.RECIPES,
    *baseline.RECIPES,
    *autoencoder.RECIPES,
)


def recipes(command: str | None = None) -> tuple[Recipe[Any], ...]:
    """Those that a command of `afgen train` follows, its default first; without one, all."""
    return tuple(one for one in _RECIPES if command in (None, one.command))


def recipe_named(name: str, command: str | None = None) -> Recipe[Any]:
    """Raises OptionError for a name that is not among a command's recipes."""
    return find(name, recipes(command))


def asked_for(
    command: str,
    run_dir: Path,
    *,
    name: str | None = None,
    assignments: Sequence[str] = (),
    resume: bool = False,
) -> Recipe[Any]:
    """The recipe of a run to begin, or with `resume` that of the run in the folder.

    Without a name it is the command's first. Raises OptionError for what there is not, and where
    the run in the folder follows another one.
    """
    begun = as_begun(run_dir, recipes(command)) if resume else None
    if begun is not None and name in (None, begun.name):
        return begun.overridden(assignments)
    return recipe_named(name or recipes(command)[0].name, command).overridden(assignments)
