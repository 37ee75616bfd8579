"""What is known of an upload once it has been examined; kept with the asset as JSON."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class AssetKind(StrEnum):
    """What an upload is to be used as."""

    PORTRAIT = "portrait"
    RECORDING = "recording"
    MANIFEST = "manifest"  # the items of a batch


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class VideoFacts(_Frozen):
    """The picture stream, upright."""

    width: int
    height: int
    rate_hz: float = Field(description="pictures a second, on average")
    codec: str


class AudioFacts(_Frozen):
    """The sound stream."""

    rate_hz: int
    channels: int
    codec: str
    audible: bool = Field(description="whether anything can be heard")


class FaceFacts(_Frozen):
    """The face of a portrait."""

    width: int = Field(description="in pixels of the portrait")
    height: int


class Facts(_Frozen):
    """What an upload holds. What does not apply to its kind is left out."""

    width: int | None = None
    height: int | None = None
    face: FaceFacts | None = None
    container: str | None = None
    duration_s: float | None = None
    video: VideoFacts | None = None
    audio: AudioFacts | None = None
    items: int | None = Field(None, description="jobs that a manifest lists")
