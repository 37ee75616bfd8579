"""Everything a user can ask of a render, as one frozen, checked value.

The same value is read by the command line, the report of a finished render and a job: whatever is
not in here does not change the picture.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from afgen.tracks.side import AvatarSide

Layout = Literal["avatar", "side-by-side"]
Sound = Literal["both", "avatar", "none"]
Only = Literal["talking", "listening"]
Device = Literal["auto", "cpu", "cuda"]
AudioMode = Literal["streaming", "whole"]


def _absolute(path: Path) -> Path:
    """A report must find its inputs from any folder, and can only hold names that are text."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ValueError("the name of the file is not valid text; rename it") from None
    return path.absolute()


def _first_window(frames: int) -> int:
    if frames not in (10, 50):
        raise ValueError("must be 10 or 50")
    return frames


File = Annotated[Path, AfterValidator(_absolute)]
FirstWindow = Annotated[int, AfterValidator(_first_window)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Recordings(_Strict):
    """The files of a conversation: one of both people, or the sides given apart."""

    conversation: File | None = None
    user_video: File | None = None
    user_audio: File | None = None
    avatar_audio: File | None = None
    avatar: AvatarSide = AvatarSide.AUTO

    @model_validator(mode="after")
    def _something_to_say(self) -> Self:
        if not self.recordings:
            raise ValueError("give a conversation, or at least one of the two sides")
        return self

    @property
    def recordings(self) -> dict[str, Path]:
        """The recordings by the name of their role."""
        named = {
            "conversation": self.conversation,
            "user_video": self.user_video,
            "user_audio": self.user_audio,
            "avatar_audio": self.avatar_audio,
        }
        return {role: path for role, path in named.items() if path is not None}


class Sources(Recordings):
    """All files of one render."""

    portrait: File

    @property
    def files(self) -> dict[str, Path]:
        """All input files by role."""
        return {"portrait": self.portrait, **self.recordings}


class RenderSettings(_Strict):
    """How to render. Strengths are factors, 1 is as generated and 0 none."""

    preset: str = "portrait"
    device: Device = "auto"
    layout: Layout = "avatar"
    sound: Sound = "both"
    size: int = Field(512, ge=128, le=1024, multiple_of=2, description="pixels of the square")
    full_frame: bool = Field(False, description="put the head back into the whole portrait")
    seed: int = Field(0, ge=0, lt=2**31)
    nfe: int = Field(10, ge=3, le=100, description="network evaluations a block")
    guidance_audio: float | None = Field(None, ge=0, le=10)  # None: what suits the preset
    guidance_user: float | None = Field(None, ge=0, le=10)
    first_window: FirstWindow = 10  # frames drawn at once at the start
    anchor: float = Field(0.0, ge=0, le=1, description="pull towards the portrait's own motion")
    only: Only | None = None  # talking: nothing of the user counts; listening: no own voice
    audio_mode: AudioMode = "streaming"
    head: float = Field(1.0, ge=0, le=2)
    expression: float = Field(1.0, ge=0, le=2)
    blink: float = Field(1.0, ge=0, le=2)
    start_s: float = Field(0.0, ge=0)
    end_s: float | None = Field(None, gt=0)

    @property
    def sampling(self) -> tuple[object, ...]:
        """What recordings must have in common to be generated together, as rows of one batch."""
        guidance = (self.guidance_audio, self.guidance_user)
        return (self.preset, self.device, self.nfe, *guidance, self.first_window, self.anchor)

    @model_validator(mode="after")
    def _not_backwards(self) -> Self:
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError("end must be later than start")
        return self
