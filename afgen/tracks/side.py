"""How a user says which person the avatar is to be. Apart, so that naming it needs no decoder."""

from enum import StrEnum


class AvatarSide(StrEnum):
    """How the user names the avatar's person: by place, by order of speaking, or not at all."""

    AUTO = "auto"
    LEFT = "left"
    RIGHT = "right"
    FIRST = "first"
    SECOND = "second"
