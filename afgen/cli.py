"""The command line: parse, call one function, print.

Heavy imports happen inside the commands, so that `afgen --help` answers at once.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from afgen.errors import AfgenError, OptionError

if TYPE_CHECKING:
    from afgen.render.progress import Progress
    from afgen.render.settings import RenderSettings, Sources

app = typer.Typer(
    name="afgen",
    help="Turn a portrait and a recorded conversation into a video of it talking and listening.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train_app = typer.Typer(help="Train the models.", no_args_is_help=True)
bench_app = typer.Typer(help="Measure speed and quality.", no_args_is_help=True)
app.add_typer(train_app, name="train")
app.add_typer(bench_app, name="bench")
console = Console(stderr=True, highlight=False)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
PortraitFile = Annotated[Path, typer.Argument(help="Picture of one face: jpg, png or webp.")]
UserVideo = Annotated[Path | None, typer.Option(help="The user's side, picture and sound.")]
UserAudio = Annotated[Path | None, typer.Option(help="The user's voice alone.")]
AvatarAudio = Annotated[Path | None, typer.Option(help="The voice the avatar speaks with.")]
Avatar = Annotated[
    str,
    typer.Option(help="Who the avatar is: auto, left, right, first or second.", metavar="WHO"),
]


def main() -> None:
    """Run the command line; typed errors become one line, a hint and an exit code."""
    try:
        app(standalone_mode=False)
    except AfgenError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        console.print("\nStopped. What was finished is kept: go on with [bold]--resume[/].")
        sys.exit(130)
    except Exception as error:
        usage = getattr(error, "show", None)
        if usage is None:
            raise
        usage()
        sys.exit(getattr(error, "exit_code", 2))


def _complain(error: AfgenError) -> None:
    console.print(f"[bold red]error[/] ({error.code}): {error.message}", soft_wrap=True)
    if error.advice:
        console.print(f"       {error.advice}", soft_wrap=True)


RENDER_EXAMPLES = """
[bold]Examples[/]

  afgen render me.jpg call.mp4 -o out.mp4

  afgen render me.jpg call.mp4 -o out.mp4 --avatar right --layout side-by-side

  afgen render me.jpg --user-video her.mp4 --avatar-audio my-voice.wav -o out.mp4

  afgen render me.jpg call.wav -o out.mp4 --avatar first   [dim]one person a channel[/]

  afgen render --from out.json -o again.mp4   [dim]the same bytes once more[/]
"""


@app.command(epilog=RENDER_EXAMPLES)
def render(  # noqa: PLR0913, PLR0917
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
    start: Annotated[float, typer.Option(help="Begin here, in seconds.")] = 0.0,
    end: Annotated[float | None, typer.Option(help="Stop here, in seconds.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on after a crash.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output.")] = False,
    from_report: Annotated[
        Path | None, typer.Option("--from", help="Repeat the render of this report.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Render PORTRAIT taking one person's part in CONVERSATION."""
    from afgen.render.job import render as run
    from afgen.render.report import check_unchanged, load_report

    if from_report is not None:
        report = load_report(from_report)
        check_unchanged(report)
        sources, settings = report.sources, report.settings
    else:
        sources = _sources(
            portrait=portrait,
            conversation=conversation,
            user_video=user_video,
            user_audio=user_audio,
            avatar_audio=avatar_audio,
            avatar=avatar,
        )
        settings = _settings(
            preset=preset, layout=layout, sound=sound, size=size, full_frame=full_frame, seed=seed,
            nfe=nfe, guidance_audio=guidance_audio, guidance_user=guidance_user, head=head,
            expression=expression, blink=blink, start_s=start, end_s=end,
        )  # fmt: skip
    with _progress() as show:
        report = run(sources, settings, output, resume=resume, force=force, progress=show)
    if as_json:
        print(report.model_dump_json(indent=2))  # noqa: T201
    else:
        _tell(output, report.speed, report.warnings)


def _sources(**options: Any) -> "Sources":
    from pydantic import ValidationError

    from afgen.render.settings import Sources

    if options["portrait"] is None:
        raise OptionError("no portrait given", hint="afgen render PORTRAIT CONVERSATION -o out.mp4")
    try:
        return Sources(**options)
    except ValidationError as error:
        raise _option_error(error) from None


def _settings(**options: Any) -> "RenderSettings":
    from pydantic import ValidationError

    from afgen.render.settings import RenderSettings

    try:
        return RenderSettings(**options)
    except ValidationError as error:
        raise _option_error(error) from None


def _option_error(error: Any) -> OptionError:
    first = error.errors()[0]
    where = "--" + str(first["loc"][0]).removesuffix("_s").replace("_", "-") if first["loc"] else ""
    return OptionError(f"{where} {first['msg'].removeprefix('Value error, ')}".strip())


def _tell(output: Path, speed: dict[str, float], warnings: list[str]) -> None:
    for warning in warnings:
        console.print(f"[yellow]note[/] {warning}", soft_wrap=True)
    console.print(
        f"[bold green]done[/] {output}  ({speed['duration_s']:.1f} s of video, "
        f"{speed['realtime_factor']:.1f} x real time; report in {output.with_suffix('.json')})",
        soft_wrap=True,
    )


@contextmanager
def _progress() -> "Iterator[Callable[[Progress], None]]":
    from rich.progress import (
        BarColumn,
        TaskID,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars

    from afgen.clock import FRAME_RATE_HZ

    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=False) as bars:
        tasks: dict[str, TaskID] = {}

        def show(progress: "Progress") -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(progress.stage, total=None, speed="")
            task = tasks[progress.stage]
            rate = bars.tasks[task].finished_speed or bars.tasks[task].speed
            speed = f"{rate / FRAME_RATE_HZ:4.1f} x real time" if rate else ""
            bars.update(task, completed=progress.done, total=progress.total, speed=speed)

        yield show


@app.command()
def inspect(
    conversation: Annotated[Path | None, typer.Argument(help="Recording of two people.")] = None,
    picture: Annotated[
        Path, typer.Option("-o", "--output", help="Where the timeline picture goes.")
    ] = Path("timeline.png"),
    avatar: Avatar = "auto",
    user_video: UserVideo = None,
    user_audio: UserAudio = None,
    avatar_audio: AvatarAudio = None,
    as_json: Json = False,
) -> None:
    """Show what is understood of a recording: faces, speech, who is who.

    [bold]Example[/]  afgen inspect call.mp4 -o timeline.png
    """
    from afgen.render.understanding import inspect as run

    with _progress() as show:
        found = run(
            conversation=conversation,
            user_video=user_video,
            user_audio=user_audio,
            avatar_audio=avatar_audio,
            avatar=avatar,
            picture=picture,
            progress=show,
        )
    if as_json:
        print(json.dumps(found, indent=2))  # noqa: T201
        return
    for line in found["reasons"]:
        console.print(f"  {line}", soft_wrap=True)
    for line in found["warnings"]:
        console.print(f"[yellow]note[/] {line}", soft_wrap=True)
    console.print(f"[bold green]done[/] {picture}")


@app.command()
def drive(
    portrait: PortraitFile,
    video: Annotated[Path, typer.Argument(help="A video of one face whose motion is taken.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the mp4 goes.")] = Path(
        "driven.mp4"
    ),
    size: Annotated[int, typer.Option(help="Pixels of the square picture.")] = 512,
    full_frame: Annotated[bool, typer.Option("--full-frame", help="Whole portrait.")] = False,
) -> None:
    """Reenact VIDEO with PORTRAIT.

    [bold]Example[/]  afgen drive me.jpg dance.mp4 -o driven.mp4
    """
    from afgen.render.drive import drive as run

    with _progress() as show:
        run(portrait, video, output, size=size, full_frame=full_frame, progress=show)
    console.print(f"[bold green]done[/] {output}")


@app.command()
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the result.")] = Path(
        "out"
    ),
) -> None:
    """Render the built-in conversation: a portrait listens and answers.

    [bold]Example[/]  afgen demo -o out
    """
    from afgen.demo.run import demo as run

    with _progress() as show:
        made = run(output, progress=show)
    console.print(f"[bold green]video[/]         {made.video}")
    console.print(f"[bold green]contact sheet[/] {made.sheet}")
    console.print(f"[bold green]timeline[/]      {made.timeline}")


@app.command()
def presets(as_json: Json = False) -> None:
    """List the presets: models, weights, measured figures."""
    from afgen.presets import PRESETS, describe

    rows = [describe(preset) for preset in PRESETS.values()]
    if as_json:
        print(json.dumps(rows, indent=2))  # noqa: T201
        return
    table = Table("preset", "what it is", "runs on", "weights")
    for row in rows:
        table.add_row(row["name"], row["summary"], row["runs_on"], row["weights"])
    Console().print(table)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check the installation and say how to mend it."""
    from afgen.doctor import examine

    checks = list(examine())
    if as_json:
        rows = [{"name": c.name, "ok": c.ok, "detail": c.detail, "mend": c.mend} for c in checks]
        print(json.dumps(rows, indent=2))  # noqa: T201
    else:
        for check in checks:
            mark = "[green]ok[/]  " if check.ok else "[red]bad[/] "
            console.print(f"{mark} {check.name:<20} {check.detail}", soft_wrap=True)
            if check.mend:
                console.print(f"     {check.mend}", soft_wrap=True)
    if not all(check.ok for check in checks):
        raise typer.Exit(3)


if __name__ == "__main__":
    main()
