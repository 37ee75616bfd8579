"""What a job is to make: the options of `afgen render`, its files being uploads or addresses."""

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from afgen.jobs.ids import Kind, is_id
from afgen.jobs.states import Priority
from afgen.render.settings import RenderSettings
from afgen.tracks.side import AvatarSide

_MOST_ADDRESS_CHARACTERS = 2048
_ITEM_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def _reference(text: str) -> str:
    if is_id(Kind.ASSET, text) or _is_address(text):
        return text
    raise ValueError("must be the id of an asset (ast_...) or an https:// address")


def _is_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        port_is_sound = address.port is None or address.port > 0
    except ValueError:
        return False
    named = address.scheme == "https" and bool(address.hostname) and address.username is None
    printable = text.isascii() and text.isprintable() and " " not in text
    return named and port_is_sound and printable and len(text) <= _MOST_ADDRESS_CHARACTERS


def _item_key(text: str) -> str:
    if _ITEM_KEY.fullmatch(text) is None:
        raise ValueError("must be 1 to 128 letters, digits, dots, dashes or underscores")
    return text


Reference = Annotated[
    str, AfterValidator(_reference), Field(description="id of an asset, or an https address")
]
ItemKey = Annotated[str, AfterValidator(_item_key)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Inputs(_Strict):
    """The files of a job: a portrait and a conversation, or the sides of it given apart."""

    portrait: Reference
    conversation: Reference | None = None
    user_video: Reference | None = None
    user_audio: Reference | None = None
    avatar_audio: Reference | None = None

    @model_validator(mode="after")
    def _something_to_say(self) -> Self:
        if len(self.by_role) < 2:
            raise ValueError("give a conversation, or at least one of the two sides")
        return self

    @property
    def by_role(self) -> dict[str, str]:
        """The references that were given, by the name of their role."""
        return {role: reference for role, reference in self if reference is not None}

    @property
    def asset_ids(self) -> frozenset[str]:
        """The uploads among them."""
        given = self.by_role.values()
        return frozenset(reference for reference in given if is_id(Kind.ASSET, reference))


class JobSpec(_Strict):
    """One render to be made."""

    inputs: Inputs
    avatar: AvatarSide = AvatarSide.AUTO
    settings: RenderSettings = RenderSettings()
    priority: Priority = Priority.INTERACTIVE


class BatchItem(_Strict):
    """One job of a batch, under a key that its owner chose."""

    key: ItemKey
    job: JobSpec
