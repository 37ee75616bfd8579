"""All recipes by name. Each lies with the task that follows it."""

from typing import Any, Final

from afgen.train import baseline, generator, preference
from afgen.train.recipe import Recipe, find

_RECIPES: Final[tuple[Recipe[Any], ...]] = (
    *generator.RECIPES,
    *preference.RECIPES,
    *baseline.RECIPES,
)


def recipes(command: str | None = None) -> tuple[Recipe[Any], ...]:
    """Those that a command of `afgen train` follows, its default first; without one, all."""
    return tuple(one for one in _RECIPES if command in (None, one.command))


def recipe_named(name: str, command: str | None = None) -> Recipe[Any]:
    """Raises OptionError for a name that is not among a command's recipes."""
    return find(name, recipes(command))
