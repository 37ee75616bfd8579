"""Options that commands share, declared once: what they take, and their line of help."""

from pathlib import Path
from typing import Annotated

import typer

# The inputs

Portrait = Annotated[Path, typer.Argument(help="Picture of one face: jpg, png or webp.")]
PortraitOrNone = Annotated[
    Path | None, typer.Argument(help="Picture of one face: jpg, png or webp.")
]
Conversation = Annotated[
    Path | None, typer.Argument(help="Recording of two people: video or sound.")
]
UserVideo = Annotated[Path | None, typer.Option(help="The user's side, picture and sound.")]
UserAudio = Annotated[Path | None, typer.Option(help="The user's voice alone.")]
AvatarAudio = Annotated[Path | None, typer.Option(help="The voice the avatar speaks with.")]
Avatar = Annotated[
    str,
    typer.Option(help="Who the avatar is: auto, left, right, first or second.", metavar="WHO"),
]
Start = Annotated[float, typer.Option("--start", help="Begin here, in seconds.")]
End = Annotated[float | None, typer.Option("--end", help="Stop here, in seconds.")]

# The models

Preset = Annotated[str, typer.Option(help="See `afgen presets`.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Seed = Annotated[int, typer.Option(help="Another seed, another performance.")]
Nfe = Annotated[int, typer.Option(help="Network evaluations a block.")]
GuidanceAudio = Annotated[
    float | None,
    typer.Option(help="How firmly the mouth follows the voice; else as suits the preset."),
]
GuidanceUser = Annotated[
    float | None,
    typer.Option(help="How strongly the avatar reacts to the user; else as suits the preset."),
]
FirstWindow = Annotated[
    int,
    typer.Option(help="Frames drawn at once at the start: 10, or 50 as the released code does."),
]
Anchor = Annotated[
    float, typer.Option(help="Pull towards the portrait's own motion against drift, 0 to 1.")
]
Only = Annotated[
    str | None, typer.Option(help="talking: ignore the user. listening: ignore the own voice.")
]
AudioMode = Annotated[
    str, typer.Option(help="Audio features: streaming, or whole with all of the recording seen.")
]

# The picture

Layout = Annotated[str, typer.Option(help="avatar or side-by-side.")]
Sound = Annotated[str, typer.Option(help="Voices in the video: both, avatar, none.")]
Size = Annotated[int, typer.Option(help="Pixels of the square picture, 128 to 1024.")]
FullFrame = Annotated[
    bool, typer.Option("--full-frame", help="Put the head back into the whole portrait.")
]
Head = Annotated[float, typer.Option(help="Strength of head motion, 0 to 2.")]
Expression = Annotated[float, typer.Option(help="Strength of expressions, 0 to 2.")]
Blink = Annotated[float, typer.Option(help="Strength of blinks, 0 to 2.")]

# The result

Output = Annotated[Path, typer.Option("-o", "--output", help="Where the mp4 goes.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on after a crash.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]
FromReport = Annotated[
    Path | None, typer.Option("--from", help="Repeat the render of this report.")
]
