"""Commands about jobs of the service: `afgen jobs submit|list|show|watch|cancel|retry|download`."""

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from afgen.cli import make, options
from afgen.cli.reach import ApiKey, Url, service, transfers
from afgen.cli.terminal import Json, print_json, print_table, say, stoppable
from afgen.cli.watching import clock, plain, watching
from afgen.errors import AfgenError, ConflictError, OptionError

if TYPE_CHECKING:
    from afgen.client.client import Client
    from afgen.client.uploads import Kind
    from afgen.client.values import Job
    from afgen.render.settings import RenderSettings, Sources

SUBMIT_EXAMPLES = """
[bold]Examples[/]

  afgen jobs submit me.jpg call.mp4 --wait -o out.mp4

  id=$(afgen jobs submit me.jpg call.mp4 --avatar right)   [dim]the id alone is on stdout[/]

  afgen jobs submit me.jpg call.mp4 --url https://afgen.example.com --api-key afk_...

All options of `afgen render` that say what to make are options of this command.
"""
NOT_OF_A_JOB = frozenset({"context", "output", "resume", "force", "from_report", "as_json"})

JobId = Annotated[str, typer.Argument(help="Such as job_01k9z3..., see `afgen jobs list`.")]
Priority = Literal["interactive", "batch"]
State = Literal["queued", "running", "canceling", "succeeded", "failed", "canceled", "expired"]

jobs = typer.Typer(help="Have videos made by the service.", no_args_is_help=True)


def taking_options_of_render(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take the files and settings of `afgen render`, before its own options."""
    own = inspect.signature(command, eval_str=True).parameters
    render = inspect.signature(make.render, eval_str=True).parameters
    shared = {name: one for name, one in render.items() if name not in NOT_OF_A_JOB}
    everything = {"context": own["context"], **shared, **own}
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            one.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for one in everything.values()
            if one.kind is not inspect.Parameter.VAR_KEYWORD
        ]
    )
    return command


@jobs.command(epilog=SUBMIT_EXAMPLES)
@taking_options_of_render
def submit(
    context: typer.Context,
    wait: Annotated[bool, typer.Option("--wait", help="Watch it, and fetch the video.")] = False,
    output: options.Output = Path("out.mp4"),
    force: options.Force = False,
    priority: Annotated[Priority, typer.Option(help="batch: after all interactive ones.")] = (
        "interactive"
    ),
    url: Url = None,
    api_key: ApiKey = None,
    as_json: Json = False,
    **_: Any,
) -> None:
    """Upload PORTRAIT and CONVERSATION, and have a video made of them."""
    from afgen.render.output import check_output

    sources, settings = asked_of_render(context)
    if wait:
        check_output(output, force=force, inputs=sources.files.values())
    with service(url, api_key) as client:
        ids = uploaded(client, [sources.files])
        job = client.submit({**job_wish(sources, settings, ids), "priority": priority})
        say("[bold green]submitted[/] {}", job.id)
        if wait:
            job = _until_done(client, job.id)
            _fetch(client, job, output)
        else:
            say("          afgen jobs watch {}", job.id)
    print_json(job.model_dump_json(indent=2) if as_json else job.id)


def asked_of_render(context: typer.Context) -> "tuple[Sources, RenderSettings]":
    """Files and settings from the options of `afgen render`. Raises OptionError."""
    from afgen.render.settings import RenderSettings, Sources

    if context.params["portrait"] is None:
        raise OptionError("No portrait was given.", hint=f"{context.command_path} --help")
    return make.asked(Sources, context), make.asked(RenderSettings, context)


def uploaded(client: "Client", renders: Iterable[Mapping[str, Path]]) -> dict[Path, str]:
    """The ids under which the files of renders lie at the service, each uploaded once."""
    ids: dict[Path, str] = {}
    with stoppable("What was uploaded stays there: the same command goes on."), transfers() as of:
        for role, path in (pair for files in renders for pair in files.items()):
            if path not in ids:
                kind: Kind = "portrait" if role == "portrait" else "recording"
                ids[path] = client.upload(path, kind, of(path)).id
    return ids


def job_wish(
    sources: "Sources", settings: "RenderSettings", ids: Mapping[Path, str]
) -> dict[str, Any]:
    """A job as the service wants it told; `ids` are those of the uploaded files."""
    return {
        "inputs": {role: ids[path] for role, path in sources.files.items()},
        "avatar": sources.avatar,
        "settings": settings.model_dump(mode="json", exclude_defaults=True),
    }


def _until_done(client: "Client", job_id: str) -> "Job":
    """Watch a job to its end. Raises the error it failed with, ConflictError if it has no video."""
    from afgen.client.problems import error_of

    going_on = f"The job goes on: afgen jobs watch {job_id}, or afgen jobs cancel {job_id}"
    with stoppable(going_on), watching() as show:
        for job in client.watch(job_id, _lost):
            show(job)
    if job.error is not None and job.state == "failed":
        raise error_of(job.error.code, job.error.message, hint=job.error.hint)
    if job.state != "succeeded":
        raise ConflictError(f"The job is {job.state}.", hint=f"afgen jobs retry {job_id}")
    return job


def _lost(failure: AfgenError) -> None:
    say("[yellow]note[/] {} Trying again ...", failure.message)


def _fetch(client: "Client", job: "Job", output: Path) -> None:
    again = f"What has arrived is kept: afgen jobs download {job.id} -o {output}"
    with stoppable(again), transfers() as of:
        client.fetch(job, output, of(output))
    say("[bold green]done[/] {}", output)


@jobs.command(name="list")
def list_jobs(
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    batch: Annotated[str | None, typer.Option(help="Only those of this batch.")] = None,
    most: Annotated[int, typer.Option("--most", help="So many, the newest first.", min=1)] = 20,
    url: Url = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """List jobs, the newest first.

    [bold]Example[/]  afgen jobs list --state running
    """
    with service(url, api_key) as client:
        found = list(client.jobs(most, state=state, batch_id=batch))
    if as_json:
        print_json(listed(found))
        return
    if not found:
        say("There are no such jobs.")
        return
    print_table(
        ("job", "state", "done", "took", "made", "item"),
        (
            (job.id, plain(job), _share(job), _took(job), since(job.created_at), job.item_key or "")
            for job in found
        ),
        whole=0,
    )


@jobs.command()
def show(job_id: JobId, url: Url = None, api_key: ApiKey = None, as_json: Json = False) -> None:
    """Show one job: its state, how far it is, what it made or why it failed.

    [bold]Example[/]  afgen jobs show job_01k9z3m8q4w7n2x5b6c8d9f0g1
    """
    with service(url, api_key) as client:
        job = client.job(job_id)
    if as_json:
        print_json(job.model_dump_json(indent=2))
        return
    rows = [
        ("state", plain(job)),
        ("frames", f"{job.progress.done} of {job.progress.total or '?'}"),
        ("made", since(job.created_at)),
        ("took", _took(job)),
        ("attempts", job.attempts),
        *((name, f"{one.bytes / 1e6:.1f} MB") for name, one in job.outputs.items()),
    ]
    if job.error is not None:
        rows += [("error", f"{job.error.message} ({job.error.code})"), ("", job.error.hint or "")]
    print_table((job.id, ""), ((name, value) for name, value in rows if value != ""))


@jobs.command()
def watch(job_id: JobId, url: Url = None, api_key: ApiKey = None, as_json: Json = False) -> None:
    """Follow a job until it ends; exit code 0 if it has made its video.

    [bold]Example[/]  afgen jobs watch job_01k9z3m8q4w7n2x5b6c8d9f0g1
    """
    with service(url, api_key) as client:
        job = _until_done(client, job_id)
    say("          afgen jobs download {} -o out.mp4", job.id)
    if as_json:
        print_json(job.model_dump_json(indent=2))


@jobs.command()
def cancel(
    job_ids: Annotated[list[str], typer.Argument(help="One or more.")],
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Stop jobs. What they have made so far is thrown away.

    [bold]Example[/]  afgen jobs cancel job_01k9z3m8q4w7n2x5b6c8d9f0g1
    """
    with service(url, api_key) as client:
        for job_id in job_ids:
            job = client.cancel(job_id)
            say("[yellow]{}[/] {}", job.state, job.id)


@jobs.command()
def retry(
    job_ids: Annotated[list[str], typer.Argument(help="One or more.")],
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Have jobs that failed or were canceled made after all.

    [bold]Example[/]  afgen jobs retry job_01k9z3m8q4w7n2x5b6c8d9f0g1
    """
    with service(url, api_key) as client:
        for job_id in job_ids:
            job = client.retry(job_id)
            say("[yellow]{}[/] {}", job.state, job.id)


@jobs.command()
def download(
    job_id: JobId,
    output: options.Output = Path("out.mp4"),
    force: options.Force = False,
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Fetch the video of a job that has succeeded. A break is gone on with.

    [bold]Example[/]  afgen jobs download job_01k9z3m8q4w7n2x5b6c8d9f0g1 -o out.mp4
    """
    from afgen.render.output import check_output

    check_output(output, force=force)
    with service(url, api_key) as client:
        job = client.job(job_id)
        if job.state != "succeeded":
            raise ConflictError(
                f"The job is {job.state}: there is no video.", hint=f"afgen jobs show {job_id}"
            )
        _fetch(client, job, output)


def listed(values: "list[Any]") -> str:
    """A JSON list of values of the client."""
    return json.dumps([value.model_dump(mode="json") for value in values], indent=2)


def since(moment: datetime) -> str:
    """The time of day on this machine, with the date unless it is today's."""
    local = moment.astimezone()
    today = datetime.now().astimezone().date() == local.date()
    return local.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def _share(job: "Job") -> str:
    done, total = job.progress.done, job.progress.total
    return f"{done / total:.0%}" if total else ""


def _took(job: "Job") -> str:
    if job.started_at is None:
        return ""
    end = job.finished_at or datetime.now(job.started_at.tzinfo)
    return clock((end - job.started_at).total_seconds())
