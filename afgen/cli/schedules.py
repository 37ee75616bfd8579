"""Commands about schedules: `afgen schedule create|list|show|pause|resume|run|delete`."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from afgen.cli.jobs import (
    asked_of_render,
    job_wish,
    listed,
    since,
    taking_options_of_render,
    uploaded,
)
from afgen.cli.reach import ApiKey, Url, service
from afgen.cli.terminal import Json, print_json, print_table, say

if TYPE_CHECKING:
    from afgen.client.values import Schedule

CREATE_EXAMPLES = """
[bold]Examples[/]

  afgen schedule create me.jpg call.mp4 --cron "30 2 * * 1-5" --zone Europe/Berlin

  afgen schedule create me.jpg call.mp4 --cron "0 * * * *" --overlap queue --name hourly

All options of `afgen render` that say what to make are options of this command. Uploads that a
schedule needs are kept as long as it is there.
"""
RUNS = 10

ScheduleId = Annotated[str, typer.Argument(help="Such as sch_01k9z3..., see the list.")]
Overlap = Literal["skip", "queue", "cancel_running"]
Misfire = Literal["skip", "once", "all"]

schedule = typer.Typer(help="Have videos made again and again.", no_args_is_help=True)


@schedule.command(epilog=CREATE_EXAMPLES)
@taking_options_of_render
def create(
    context: typer.Context,
    cron: Annotated[str, typer.Option(help="Minute, hour, day, month, weekday.")],
    zone: Annotated[str, typer.Option(help="Whose clocks it is read by.")] = "UTC",
    name: Annotated[str, typer.Option(help="To know it by.")] = "",
    overlap: Annotated[
        Overlap, typer.Option(help="While the job before is still there: what to do.")
    ] = "skip",
    misfire: Annotated[
        Misfire, typer.Option(help="Times at which the service was down: which to make up for.")
    ] = "once",
    url: Url = None,
    api_key: ApiKey = None,
    as_json: Json = False,
    **_: Any,
) -> None:
    """Upload PORTRAIT and CONVERSATION, and have a video made of them at every due time."""
    sources, settings = asked_of_render(context)
    with service(url, api_key) as client:
        job = job_wish(sources, settings, uploaded(client, [sources.files]))
        made = client.create_schedule(
            {
                "name": name,
                "cron": cron,
                "timezone": zone,
                "overlap": overlap,
                "misfire": misfire,
                "job": {**job, "priority": "batch"},
            }
        )
    say("[bold green]made[/] {}  (next {})", made.id, _moment(made.next_at))
    print_json(made.model_dump_json(indent=2) if as_json else made.id)


@schedule.command(name="list")
def list_schedules(url: Url = None, api_key: ApiKey = None, as_json: Json = False) -> None:
    """List all schedules.

    [bold]Example[/]  afgen schedule list
    """
    with service(url, api_key) as client:
        found = list(client.schedules())
    if as_json:
        print_json(listed(found))
        return
    if not found:
        say("There are no schedules.")
        return
    print_table(
        ("schedule", "name", "when", "next"),
        ((one.id, one.name, f"{one.cron}\n{one.timezone}", _next(one)) for one in found),
        whole=0,
    )


@schedule.command()
def show(
    schedule_id: ScheduleId, url: Url = None, api_key: ApiKey = None, as_json: Json = False
) -> None:
    """Show one schedule, and what became of its latest due times.

    [bold]Example[/]  afgen schedule show sch_01k9z3m8q4w7n2x5b6c8d9f0g1
    """
    with service(url, api_key) as client:
        found = client.schedule(schedule_id)
        runs = list(client.runs(schedule_id, RUNS))
    if as_json:
        print_json(found.model_dump_json(indent=2))
        return
    print_table(
        (found.id, ""),
        (
            ("name", found.name),
            ("when", f"{found.cron}  {found.timezone}"),
            ("next", _next(found)),
            ("overlap", found.overlap),
            ("misfire", found.misfire),
        ),
    )
    print_table(
        ("due", "what became of it", "job"),
        (
            (since(run.due_at), run.error.message if run.error else run.outcome, run.job_id or "")
            for run in runs
        ),
        whole=2,
    )


@schedule.command()
def pause(schedule_id: ScheduleId, url: Url = None, api_key: ApiKey = None) -> None:
    """Make no more jobs, until it is resumed.

    [bold]Example[/]  afgen schedule pause sch_01k9z3m8q4w7n2x5b6c8d9f0g1
    """
    with service(url, api_key) as client:
        say("[yellow]paused[/] {}", client.pause(schedule_id).id)


@schedule.command()
def resume(schedule_id: ScheduleId, url: Url = None, api_key: ApiKey = None) -> None:
    """Make jobs again, from the next due time on.

    [bold]Example[/]  afgen schedule resume sch_01k9z3m8q4w7n2x5b6c8d9f0g1
    """
    with service(url, api_key) as client:
        found = client.resume(schedule_id)
    say("[bold green]resumed[/] {}  (next {})", found.id, _moment(found.next_at))


@schedule.command()
def run(schedule_id: ScheduleId, url: Url = None, api_key: ApiKey = None) -> None:
    """Make its job right now, besides the due times.

    [bold]Example[/]  afgen schedule run sch_01k9z3m8q4w7n2x5b6c8d9f0g1
    """
    with service(url, api_key) as client:
        job = client.run(schedule_id)
    say("[bold green]submitted[/] {}", job.id)
    say("          afgen jobs watch {}", job.id)
    print_json(job.id)


@schedule.command()
def delete(schedule_id: ScheduleId, url: Url = None, api_key: ApiKey = None) -> None:
    """Forget a schedule. The jobs that it made stay.

    [bold]Example[/]  afgen schedule delete sch_01k9z3m8q4w7n2x5b6c8d9f0g1
    """
    with service(url, api_key) as client:
        client.delete_schedule(schedule_id)
    say("[yellow]deleted[/] {}", schedule_id)


def _next(one: "Schedule") -> str:
    return _moment(one.next_at) if one.enabled else "paused"


def _moment(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%a %Y-%m-%d %H:%M %Z") if moment else "never"
