"""Commands about batches of the service: `afgen batch submit|status|results|cancel`."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afgen.cli.jobs import job_wish, listed, since, uploaded
from afgen.cli.reach import ApiKey, Bytes, Url, service, transfers
from afgen.cli.terminal import Json, print_json, print_table, progress_bars, say, stoppable

if TYPE_CHECKING:
    from afgen.client.client import Client
    from afgen.client.values import Batch, Result
    from afgen.render.lists import Item

SUBMIT_EXAMPLES = """
[bold]Examples[/]

  afgen batch submit calls.csv

  id=$(afgen batch submit recordings/ --portrait me.jpg)

  afgen batch status $id --wait && afgen batch results $id -o videos

The list is the same as for `afgen render-all`: see its help. Files that rows share are uploaded
once.
"""
IN_ONE_REQUEST = 1000  # items; more of them go as a file
LOOK_S = 2.0

BatchId = Annotated[str, typer.Argument(help="Such as bat_01k9z3...")]

batch = typer.Typer(help="Have many videos made by the service.", no_args_is_help=True)


@batch.command(epilog=SUBMIT_EXAMPLES)
def submit(
    manifest: Annotated[
        Path, typer.Argument(help="List of renders (csv, json), or a folder of recordings.")
    ],
    name: Annotated[str | None, typer.Option(help="Of the batch; that of the list.")] = None,
    portrait: Annotated[Path | None, typer.Option(help="For all rows that name none.")] = None,
    preset: Annotated[str | None, typer.Option(help="For all rows that name none.")] = None,
    url: Url = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Upload all files of a list, and have a video made of each row."""
    from afgen.render.lists import read_list

    given = {"portrait": portrait and portrait.absolute(), "preset": preset}
    defaults = {column: value for column, value in given.items() if value is not None}
    items = read_list(manifest, defaults)
    with service(url, api_key) as client:
        ids = uploaded(client, (item.sources.files for item in items))
        wishes = [{"key": item.name, "job": _wish(item, ids)} for item in items]
        made = _submit(client, name or manifest.stem, wishes)
    say("[bold green]submitted[/] {}  ({} jobs)", made.id, made.total)
    say("          afgen batch status {} --wait", made.id)
    print_json(made.model_dump_json(indent=2) if as_json else made.id)


def _wish(item: "Item", ids: Mapping[Path, str]) -> dict[str, Any]:
    return {**job_wish(item.sources, item.settings, ids), "priority": "batch"}


def _submit(client: "Client", name: str, wishes: list[dict[str, Any]]) -> "Batch":
    """In one request, or by way of a file that lists them."""
    if len(wishes) <= IN_ONE_REQUEST:
        return client.submit_batch(name, wishes)
    with TemporaryDirectory() as folder, transfers() as of:
        path = Path(folder) / "manifest.jsonl"
        path.write_text("".join(json.dumps(wish) + "\n" for wish in wishes))
        return client.submit_manifest(name, client.upload(path, "manifest", of(path)).id)


@batch.command()
def status(
    batch_id: BatchId,
    wait: Annotated[bool, typer.Option("--wait", help="Until all of it has ended.")] = False,
    url: Url = None,
    api_key: ApiKey = None,
    as_json: Json = False,
) -> None:
    """Show how many jobs of a batch are in which state.

    [bold]Example[/]  afgen batch status bat_01k9z3m8q4w7n2x5b6c8d9f0g1 --wait
    """
    with service(url, api_key) as client:
        found = _ended(client, batch_id) if wait else client.batch(batch_id)
    if as_json:
        print_json(found.model_dump_json(indent=2))
        return
    rows = [("name", found.name), ("made", since(found.created_at))]
    if found.finished_at is not None:
        rows.append(("finished", since(found.finished_at)))
    rows += [(state, str(count)) for state, count in found.counts.items()]
    print_table((found.id, ""), rows)


def _ended(client: "Client", batch_id: str) -> "Batch":
    """A batch after its last job."""
    from afgen.render.progress import Progress

    going_on = f"The batch goes on: afgen batch status {batch_id}"
    with stoppable(going_on), progress_bars() as show:
        while True:
            found = client.batch(batch_id)
            show(Progress("jobs", found.ended, found.total, "jobs"))
            if found.finished_at is not None:
                return found
            time.sleep(LOOK_S)


@batch.command()
def cancel(batch_id: BatchId, url: Url = None, api_key: ApiKey = None) -> None:
    """Stop all jobs of a batch that have not ended.

    [bold]Example[/]  afgen batch cancel bat_01k9z3m8q4w7n2x5b6c8d9f0g1
    """
    with service(url, api_key) as client:
        found = client.cancel_batch(batch_id)
    say("[yellow]canceled[/] {}  ({} of {} had ended)", found.id, found.ended, found.total)


@batch.command()
def results(
    batch_id: BatchId,
    folder: Annotated[Path, typer.Option("-o", "--output", help="Folder for the videos.")],
    url: Url = None,
    api_key: ApiKey = None,
) -> None:
    """Fetch the videos of a batch that are there, and not here yet; `results.json` lists all.

    Exit code 2 if some could not be made.

    [bold]Example[/]  afgen batch results bat_01k9z3m8q4w7n2x5b6c8d9f0g1 -o videos
    """
    from afgen.media.files import atomic_path, writing

    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    again = "What has arrived is kept: the same command goes on."
    with service(url, api_key) as client:
        found = list(client.results(batch_id))
        with stoppable(again), transfers() as of:
            for result in found:
                _fetch(client, result, folder / f"{result.key}.mp4", of)
    with atomic_path(folder / "results.json") as record:
        record.write_text(listed(found))
    failed = [one for one in found if one.state == "failed"]
    _show_failed(failed)
    made = sum(one.state == "succeeded" for one in found)
    say("[bold green]done[/] {}  ({} of {} videos)", folder, made, len(found))
    if failed:
        raise typer.Exit(2)


def _fetch(client: "Client", result: "Result", target: Path, of: "Callable[[Path], Bytes]") -> None:
    from afgen.client.client import VIDEO
    from afgen.media.files import sha256_of

    made = result.outputs.get(VIDEO)
    if made is not None and not (target.exists() and sha256_of(target) == made.sha256):
        client.fetch_result(result, target, of(target))


def _show_failed(failed: "Sequence[Result]") -> None:
    """A table of what was not made."""
    if failed:
        print_table(
            ("failed", "why", "what to do"),
            (
                (one.key, f"{one.error.message} ({one.error.code})", one.error.hint or "")
                for one in failed
                if one.error is not None
            ),
        )
