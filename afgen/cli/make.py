"""Commands that make pictures: render, inspect, drive, demo."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from afgen.cli import options
from afgen.cli.terminal import (
    Json,
    checked,
    option_name,
    print_json,
    print_table,
    progress_bars,
    say,
    stoppable,
)
from afgen.errors import OptionError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from afgen.render.report import Report

    ModelT = TypeVar("ModelT", bound=BaseModel)

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
    portrait: options.PortraitOrNone = None,
    conversation: options.Conversation = None,
    output: options.Output = Path("out.mp4"),
    avatar: options.Avatar = "auto",
    user_video: options.UserVideo = None,
    user_audio: options.UserAudio = None,
    avatar_audio: options.AvatarAudio = None,
    preset: options.Preset = "portrait",
    device: options.Device = "auto",
    layout: options.Layout = "avatar",
    sound: options.Sound = "both",
    size: options.Size = 512,
    full_frame: options.FullFrame = False,
    seed: options.Seed = 0,
    guidance_audio: options.GuidanceAudio = None,
    guidance_user: options.GuidanceUser = None,
    nfe: options.Nfe = 10,
    first_window: options.FirstWindow = 10,
    anchor: options.Anchor = 0.0,
    only: options.Only = None,
    audio_mode: options.AudioMode = "streaming",
    head: options.Head = 1.0,
    expression: options.Expression = 1.0,
    blink: options.Blink = 1.0,
    start_s: options.Start = 0.0,
    end_s: options.End = None,
    resume: options.Resume = False,
    force: options.Force = False,
    from_report: options.FromReport = None,
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
    elif portrait is None:
        raise OptionError("No portrait was given.", hint=USAGE)
    sources = first.sources if first else asked(Sources, context)
    settings = first.settings if first else asked(RenderSettings, context)
    with stoppable(RESUME), progress_bars() as show:
        report = run(sources, settings, output, resume=resume, force=force, progress=show)
    _tell(output, report, unlike(first, report) if first else [], as_json)


def asked(model: "type[ModelT]", context: typer.Context) -> "ModelT":
    """A value of `model` from the options of the same names. Raises OptionError."""
    return checked(
        model,
        **{name: context.params[name] for name in model.model_fields if name in context.params},
    )


def _refuse_beside_report(context: typer.Context) -> None:
    """A report says everything about its render, so nothing may contradict it."""
    for name in context.params:
        source = context.get_parameter_source(name)
        given = source is not None and source.name == "COMMANDLINE"
        if given and name not in NOT_OF_THE_RENDER:
            raise OptionError(
                f"--from repeats a render as it was, and {option_name(name)} was given too.",
                hint="Leave one of them out.",
            )


def _tell(output: Path, report: "Report", notes: list[str], as_json: bool) -> None:
    if as_json:
        print_json(report.model_dump_json(indent=2))
    for note in [*report.warnings, *notes]:
        say("[yellow]note[/] {}", note)
    if report.weights_notice:
        say(
            "[yellow]licence of the weights[/] {}. {}",
            report.weights_licence,
            report.weights_notice,
        )
    say(
        "[bold green]done[/] {}  ({} s of video, {} x real time; report in {})",
        output,
        f"{report.speed['duration_s']:.1f}",
        f"{report.speed['realtime_factor']:.1f}",
        output.with_suffix(".json"),
    )


def inspect(
    context: typer.Context,
    conversation: options.Conversation = None,
    picture: Annotated[
        Path, typer.Option("-o", "--output", help="Where the timeline picture goes.")
    ] = Path("timeline.png"),
    avatar: options.Avatar = "auto",
    user_video: options.UserVideo = None,
    user_audio: options.UserAudio = None,
    avatar_audio: options.AvatarAudio = None,
    start_s: options.Start = 0.0,
    end_s: options.End = None,
    as_json: Json = False,
) -> None:
    """Show what is understood of a recording: faces, speech, who is who.

    [bold]Example[/]  afgen inspect call.mp4 -o timeline.png
    """
    from afgen.render.settings import Recordings, RenderSettings
    from afgen.render.understanding import inspect as run

    recordings, settings = asked(Recordings, context), asked(RenderSettings, context)
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
    portrait: options.Portrait,
    video: Annotated[Path, typer.Argument(help="A video of one face whose motion is taken.")],
    output: options.Output = Path("driven.mp4"),
    preset: options.Preset = "portrait",
    device: options.Device = "auto",
    size: Annotated[
        int, typer.Option(help="Pixels of the square picture.", min=128, max=1024)
    ] = 512,
    full_frame: options.FullFrame = False,
    force: options.Force = False,
) -> None:
    """Reenact VIDEO with PORTRAIT.

    [bold]Example[/]  afgen drive me.jpg dance.mp4 -o driven.mp4
    """
    from afgen.render.drive import drive as run

    with stoppable(), progress_bars() as show:
        run(
            portrait, video, output, preset=preset, device=device, size=size,
            full_frame=full_frame, force=force, progress=show,
        )  # fmt: skip
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
