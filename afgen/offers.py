"""What can be asked of each preset, known without loading any of its models."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from afgen.errors import OptionError


@dataclass(frozen=True, slots=True)
class Offer:
    """The choices that a preset leaves."""

    first_windows: tuple[int, ...] = (10,)  # frames that may be drawn at once at the start
    audio_modes: tuple[str, ...] = ("streaming",)
    tells_apart: bool = True  # head motion, expression and blinks have strengths of their own


OFFERS: Final[Mapping[str, Offer]] = MappingProxyType(
    {
        "portrait": Offer(),
        "avatar-forcing": Offer(
            first_windows=(10, 50), audio_modes=("streaming", "whole"), tells_apart=False
        ),
        "trained": Offer(audio_modes=("streaming", "whole"), tells_apart=False),
    }
)


def offer_of(name: str) -> Offer:
    """Raises OptionError for a name that is not in the list."""
    if name not in OFFERS:
        raise OptionError(
            f"there is no preset {name!r}.", hint=f"Known presets: {', '.join(OFFERS)}."
        )
    return OFFERS[name]
