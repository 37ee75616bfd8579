"""Commands that make pictures: render, inspect, drive, demo."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afgen.cli.terminal import Json, checked, print_json, print_table, progress_bars, say, stoppable
from afgen.errors import OptionError

if TYPE_CHECKING:
    from afgen.render.report import Report

PortraitFile = Annotated[Path, typer.Argument(help="Picture of one face: jpg, png or webp.")]
UserVideo = Annotated[Path | None, typer.Option(help="The user's side, picture and sound.")]
UserAudio = Annotated[Path | None, typer.Option(help="The user's voice alone.")]
AvatarAudio = Annotated[Path | None, typer.Option(help="The voice the avatar speaks with.")]
Avatar = Annotated[
    str,
    typer.Option(help="Who the avatar is: auto, left, right, first or second.", metavar="WHO"),
]
Start = Annotated[float, typer.Option(help="Begin here, in seconds.")]
End = Annotated[float | None, typer.Option(help="Stop here, in seconds.")]

USAGE = "afgen render PORTRAIT CONVERSATION -o out.mp4"
RENDER_EXAMPLES = """
[bold]Examples[/]

  afgen render me.jpg call.mp4 -o out.mp4

  afgen render me.jpg call.mp4 -o out.mp4 --avatar right --layout side-by-side

  afgen render me.jpg --user-video her.mp4 --avatar-audio my-voice.wav -o out.mp4

  afgen render me.jpg call.wav -o out.mp4 --avatar first   [dim]one person a channel[/]

  afgen render --from out.json -o again.mp4   [dim]the same bytes once more[/]
"""
RESUME = "What was finished is kept: go on with the same command and --resume."
NOT_OF_THE_RENDER = {"output", "resume", "force", "from_report", "as_json"}


def render(
    context: typer.Context,
    portrait: Annotated[
        Path | None, typer.Argument(help="Picture of one face: jpg, png or webp.")
    ] = None,
    conversation: Annotated[
        Path | None, typer.Argument(help="Recording of two people: video or sound.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the mp4 goes.")] = Path(
        "out.mp4"
    ),
    avatar: Avatar = "auto",
    user_video: UserVideo = None,
    user_audio: UserAudio = None,
    avatar_audio: AvatarAudio = None,
    preset: Annotated[str, typer.Option(help="See `afgen presets`.")] = "portrait",
    layout: Annotated[str, typer.Option(help="avatar or side-by-side.")] = "avatar",
    sound: Annotated[str, typer.Option(help="Voices in the video: both, avatar, none.")] = "both",
    size: Annotated[int, typer.Option(help="Pixels of the square picture, 128 to 1024.")] = 512,
    full_frame: Annotated[
        bool, typer.Option("--full-frame", help="Put the head back into the whole portrait.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Another seed, another performance.")] = 0,
    guidance_audio: Annotated[
        float, typer.Option(help="How firmly the mouth follows the voice.")
    ] = 2.0,
    guidance_user: Annotated[
        float, typer.Option(help="How strongly the avatar reacts to the user.")
    ] = 1.0,
    nfe: Annotated[int, typer.Option(help="Network evaluations a block.")] = 10,
    head: Annotated[float, typer.Option(help="Strength of head motion, 0 to 2.")] = 1.0,
    expression: Annotated[float, typer.Option(help="Strength of expressions, 0 to 2.")] = 1.0,
    blink: Annotated[float, typer.Option(help="Strength of blinks, 0 to 2.")] = 1.0,
    start: Start = 0.0,
    end: End = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after a crash.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
    from_report: Annotated[
        Path | None, typer.Option("--from", help="Repeat the render of this report.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Render PORTRAIT taking one person's part in CONVERSATION."""
    from afgen.render.job import render as run
    from afgen.render.report import check_unchanged, load_report, unlike
    from afgen.render.settings import RenderSettings, Sources

    first = None
    if from_report is not None:
        _refuse_beside_report(context)
        first = load_report(from_report)
        check_unchanged(first)
        sources, settings = first.sources, first.settings
    elif portrait is None:
        raise OptionError("No portrait was given.", hint=USAGE)
    else:
        sources = checked(
            Sources, portrait=portrait, conversation=conversation, user_video=user_video,
            user_audio=user_audio, avatar_audio=avatar_audio, avatar=avatar,
        )  # fmt: skip
        settings = checked(
            RenderSettings, preset=preset, layout=layout, sound=sound, size=size,
            full_frame=full_frame, seed=seed, nfe=nfe, guidance_audio=guidance_audio,
            guidance_user=guidance_user, head=head, expression=expression, blink=blink,
            start_s=start, end_s=end,
        )  # fmt: skip
    with stoppable(RESUME), progress_bars() as show:
        report = run(sources, settings, output, resume=resume, force=force, progress=show)
    _tell(output, report, unlike(first, report) if first else [], as_json)


def _refuse_beside_report(context: typer.Context) -> None:
    """A report says everything about its render, so nothing may contradict it."""
    for name in context.params:
        source = context.get_parameter_source(name)
        given = source is not None and source.name == "COMMANDLINE"
        if given and name not in NOT_OF_THE_RENDER:
            raise OptionError(
                f"--from repeats a render as it was, and {name.replace('_', '-')} was given too.",
                hint="Leave one of them out.",
            )


def _tell(output: Path, report: "Report", notes: list[str], as_json: bool) -> None:
    if as_json:
        print_json(report.model_dump_json(indent=2))
    for note in [*report.warnings, *notes]:
        say("[yellow]note[/] {}", note)
    say(
        "[bold green]done[/] {}  ({} s of video, {} x real time; report in {})",
        output,
        f"{report.speed['duration_s']:.1f}",
        f"{report.speed['realtime_factor']:.1f}",
        output.with_suffix(".json"),
    )


def inspect(
    conversation: Annotated[Path | None, typer.Argument(help="Recording of two people.")] = None,
    picture: Annotated[
        Path, typer.Option("-o", "--output", help="Where the timeline picture goes.")
    ] = Path("timeline.png"),
    avatar: Avatar = "auto",
    user_video: UserVideo = None,
    user_audio: UserAudio = None,
    avatar_audio: AvatarAudio = None,
    start: Start = 0.0,
    end: End = None,
    as_json: Json = False,
) -> None:
    """Show what is understood of a recording: faces, speech, who is who.

    [bold]Example[/]  afgen inspect call.mp4 -o timeline.png
    """
    from afgen.render.settings import Recordings, RenderSettings
    from afgen.render.understanding import inspect as run

    recordings = checked(
        Recordings, conversation=conversation, user_video=user_video, user_audio=user_audio,
        avatar_audio=avatar_audio, avatar=avatar,
    )  # fmt: skip
    settings = checked(RenderSettings, start_s=start, end_s=end)
    with stoppable(), progress_bars() as show:
        found = run(recordings, picture, settings=settings, progress=show)
    if as_json:
        print_json(json.dumps(found, indent=2))
    else:
        _show_found(found)
    say("[bold green]done[/] {}", picture)


def _show_found(found: dict[str, Any]) -> None:
    """Who was found and what was decided."""
    print_table(
        ("role", "who", "speaks", "face in view", "face height"),
        (_person_row(person) for person in found["people"]),
    )
    print_table(
        ("decision", "because"),
        (
            (
                f"{one['question']}\n{one['answer']} ({one['confidence']:.0%} sure)",
                one["reason"],
            )
            for one in found["decisions"]
        ),
    )
    for warning in found["warnings"]:
        say("[yellow]note[/] {}", warning)


def _person_row(person: dict[str, Any]) -> tuple[str, ...]:
    face = person["face"]
    return (
        person["role"],
        person["name"],
        f"{person['speech_s']:.1f} s" if person["sound"] else "no sound",
        f"{face['presence']:.0%}" if face else "not seen",
        f"{face['height']:.0%} of the picture" if face else "",
    )


def drive(
    portrait: PortraitFile,
    video: Annotated[Path, typer.Argument(help="A video of one face whose motion is taken.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the mp4 goes.")] = Path(
        "driven.mp4"
    ),
    size: Annotated[
        int, typer.Option(help="Pixels of the square picture.", min=128, max=1024)
    ] = 512,
    full_frame: Annotated[bool, typer.Option("--full-frame", help="Whole portrait.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
) -> None:
    """Reenact VIDEO with PORTRAIT.

    [bold]Example[/]  afgen drive me.jpg dance.mp4 -o driven.mp4
    """
    from afgen.render.drive import drive as run

    with stoppable(), progress_bars() as show:
        run(portrait, video, output, size=size, full_frame=full_frame, force=force, progress=show)
    say("[bold green]done[/] {}", output)


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the result.")] = Path(
        "out"
    ),
) -> None:
    """Render the built-in conversation: a portrait listens and answers.

    [bold]Example[/]  afgen demo -o out
    """
    from afgen.demo.run import demo as run

    with stoppable(), progress_bars() as show:
        made = run(output, progress=show)
    say("[bold green]video[/]         {}", made.video)
    say("[bold green]contact sheet[/] {}", made.sheet)
    say("[bold green]timeline[/]      {}", made.timeline)
