"""Commands about weights of others: import, list, show, verify, remove."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afgen.cli.terminal import Json, print_json, print_table, progress_bars, say, stoppable
from afgen.errors import FileMissingError, LicenceError, OptionError, WeightsError

if TYPE_CHECKING:
    from afgen.weights.importing import Given
    from afgen.weights.licences import Licence
    from afgen.weights.store import Installed

weights = typer.Typer(help="Import and keep the weights that others publish.", no_args_is_help=True)
bring = typer.Typer(
    help="Import public checkpoints: files of yours, or addresses that you give.",
    no_args_is_help=True,
)
weights.add_typer(bring, name="import")

Name = Annotated[str, typer.Argument(help="A set of `afgen weights list`.")]
Accept = Annotated[
    bool, typer.Option("--accept-licence", help="Agree to the terms of the weights' authors.")
]
Sha256 = Annotated[
    str | None, typer.Option("--sha256", metavar="HEX", help="The hash the file must have.")
]
KEPT = "The weights are as they were. What was downloaded is kept: the same command goes on."


@bring.command("avatar-forcing")
def import_avatar_forcing(
    autoencoder: Annotated[
        str | None, typer.Option(metavar="FILE|URL", help="motion_autoencoder.pth")
    ] = None,
    generator: Annotated[
        str | None, typer.Option(metavar="FILE|URL", help="flow_transformer.pth")
    ] = None,
    wav2vec2: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of facebook/wav2vec2-base-960h.")
    ] = None,
    autoencoder_sha256: Annotated[
        str | None, typer.Option(metavar="HEX", help="The hash that file must have.")
    ] = None,
    generator_sha256: Annotated[
        str | None, typer.Option(metavar="HEX", help="The hash that file must have.")
    ] = None,
    heads: Annotated[
        int, typer.Option(help="Attention heads of the generator, which its file does not tell.")
    ] = 8,
    accept_licence: Accept = False,
    as_json: Json = False,
) -> None:
    """Import the paper's models. Parts may come one by one; a part given again is replaced.

    [bold]Examples[/]

      afgen weights import avatar-forcing --autoencoder motion_autoencoder.pth
      --generator flow_transformer.pth --wav2vec2 wav2vec2-base-960h

      afgen weights import avatar-forcing --generator https://example.org/flow_transformer.pth
    """
    sources = {
        "autoencoder": (autoencoder, autoencoder_sha256),
        "generator": (generator, generator_sha256),
        "wav2vec2": (None if wav2vec2 is None else str(wav2vec2), None),
    }
    _import("avatar-forcing", sources, accept_licence, as_json, heads=heads)


@bring.command("lia")
def import_lia(
    checkpoint: Annotated[str, typer.Argument(metavar="FILE|URL", help="vox.pt")],
    sha256: Sha256 = None,
    accept_licence: Accept = False,
    as_json: Json = False,
) -> None:
    """Import the autoencoder of LIA, 256 px.

    [bold]Example[/]  afgen weights import lia vox.pt
    """
    _import("lia", {"autoencoder": (checkpoint, sha256)}, accept_licence, as_json)


@bring.command("float-autoencoder")
def import_float_autoencoder(
    checkpoint: Annotated[str, typer.Argument(metavar="FILE|URL", help="float.pth")],
    sha256: Sha256 = None,
    accept_licence: Accept = False,
    as_json: Json = False,
) -> None:
    """Import the autoencoder of FLOAT, 512 px.

    [bold]Example[/]  afgen weights import float-autoencoder float.pth
    """
    _import("float-autoencoder", {"autoencoder": (checkpoint, sha256)}, accept_licence, as_json)


@bring.command("trained")
def import_trained(
    autoencoder: Annotated[
        str | None, typer.Option(metavar="FILE|URL", help="autoencoder.safetensors of a run.")
    ] = None,
    generator: Annotated[
        str | None, typer.Option(metavar="FILE|URL", help="generator.safetensors of a run.")
    ] = None,
    wav2vec2: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of facebook/wav2vec2-base-960h.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Import models that `afgen train` made; `--preset trained` renders with them.

    [bold]Example[/]  afgen weights import trained --autoencoder runs/lia/autoencoder.safetensors
    """
    sources = {
        "autoencoder": (autoencoder, None),
        "generator": (generator, None),
        "wav2vec2": (None if wav2vec2 is None else str(wav2vec2), None),
    }
    _import("trained", sources, True, as_json)


@weights.command("list")
def list_sets(as_json: Json = False) -> None:
    """List what has been imported.

    [bold]Example[/]  afgen weights list
    """
    from afgen.weights.store import installed, store_folder

    sets = installed()
    if as_json:
        print_json(json.dumps([_plain(known) for known in sets], indent=2))
        return
    if not sets:
        say("Nothing has been imported into {}. See `afgen weights import --help`.", store_folder())
        return
    print_table(
        ("set", "parts", "size", "licence"),
        (
            (known.name, _parts(known), _megabytes(known.size_bytes), known.licence)
            for known in sets
        ),
    )


@weights.command()
def show(name: Name, as_json: Json = False) -> None:
    """Tell all that is known of a set: files, hashes (whole ones with --json), origins, terms.

    [bold]Example[/]  afgen weights show avatar-forcing
    """
    from afgen.weights.store import look_up, missing

    known = look_up(name)
    if known is None:
        raise missing(name)
    if as_json:
        print_json(json.dumps(_plain(known), indent=2))
        return
    rows = [
        ("folder", known.folder),
        ("imported", f"{known.imported_at} by {known.tool}"),
        ("licence", f"{known.licence}  {known.licence_url}"),
        ("time", known.time_direction),
        ("mask", known.mask),
        ("lacks", ", ".join(known.lacks)),
        *(("remark", remark) for remark in known.remarks),
    ]
    for part, origin in known.source.items():
        rows += [
            (part, f"SHA-256 {known.sha256[part][:16]}..."),
            ("  from", origin.url or origin.file),
            ("", f"SHA-256 {origin.sha256[:16]}..., {_megabytes(origin.size_bytes)}"),
        ]
    print_table((name, ""), (row for row in rows if row[1]))
    say("{}", known.notice)


@weights.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="A set; all of them without a name.")] = None,
    as_json: Json = False,
) -> None:
    """Read every file again and compare it with what was imported.

    [bold]Example[/]  afgen weights verify
    """
    from afgen.weights.store import installed
    from afgen.weights.store import verify as run

    rows: list[dict[str, object]] = []
    for each in [name] if name else [known.name for known in installed()]:
        try:
            known = run(each)
            rows.append({"name": each, "ok": True, "lacks": list(known.lacks)})
            say("[green]ok[/]  {} {}", each, _parts(known))
        except WeightsError as error:
            rows.append({"name": each, "ok": False, "problem": error.message, "mend": error.advice})
            say("[red]bad[/] {} {}", each, error.message)
            say("    [bold]{}[/]", error.advice)
    if as_json:
        print_json(json.dumps(rows, indent=2))
    if not rows:
        say("Nothing has been imported.")
    if not all(row["ok"] for row in rows):
        raise typer.Exit(WeightsError.exit_code)


@weights.command()
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a set.

    [bold]Example[/]  afgen weights remove lia-vox
    """
    from afgen.weights.store import remove as run

    if not yes and sys.stdin.isatty():
        typer.confirm(f"Delete the imported weights {name}?", abort=True, err=True)
    run(name)
    say("[bold green]removed[/] {}", name)


def _import(
    kind: str,
    sources: Mapping[str, tuple[str | None, str | None]],
    accept_licence: bool,
    as_json: bool,
    *,
    heads: int = 8,
) -> None:
    from afgen.weights.importing import import_set
    from afgen.weights.recipes import ImportOptions, recipe_of

    wanted = {
        part: (source, sha256) for part, (source, sha256) in sources.items() if source is not None
    }
    if not wanted:
        raise OptionError(
            "No file was given.",
            hint=f"See `afgen weights import {kind} --help`.",
        )
    _agree(recipe_of(kind).licence, accept_licence)
    with stoppable(KEPT), ExitStack() as files, _told() as (parts, bytes_there):
        given = {
            part: files.enter_context(_given(source, sha256, bytes_there))
            for part, (source, sha256) in wanted.items()
        }
        known = import_set(kind, given, options=ImportOptions(heads=heads), tell=parts)
    _report(known, as_json)


def _report(known: "Installed", as_json: bool) -> None:
    if as_json:
        print_json(json.dumps(_plain(known), indent=2))
    for remark in known.remarks:
        say("       {}", remark)
    say("[bold green]imported[/] {} into {}", ", ".join(known.sha256), known.folder)
    if known.lacks:
        say("[yellow]lacks[/] {}: give them with the same command.", ", ".join(known.lacks))


def _agree(licence: "Licence", accepted: bool) -> None:
    """Show the terms; without an agreement nothing is fetched or imported."""
    say("[bold]{}[/]  {}", licence.name, licence.url)
    say("{}", licence.notice)
    if accepted:
        return
    if not sys.stdin.isatty():
        raise LicenceError("The terms of these weights were not agreed to.")
    if not typer.confirm("Do you agree?", err=True):
        raise LicenceError("The terms of these weights were not agreed to.")


@contextmanager
def _given(
    source: str, sha256: str | None, tell: "Callable[[int, int | None], None]"
) -> "Iterator[Given]":
    """A file of the user's as it is, or one fetched for as long as it is needed."""
    from afgen.weights.download import fetched, is_address, without_secrets
    from afgen.weights.importing import Given

    if is_address(source):
        with fetched(source, sha256=sha256, tell=tell) as path:
            yield Given(path, without_secrets(source), sha256)
        return
    path = Path(source).expanduser()
    if not path.exists():
        raise FileMissingError(f"There is no file {path}.")
    yield Given(path, None, sha256)


@contextmanager
def _told() -> "Iterator[tuple[Callable[..., None], Callable[..., None]]]":
    """What the import and a download tell their progress to."""
    from afgen.render.progress import Progress

    with progress_bars() as show:

        def parts(done: int, total: int) -> None:
            show(Progress("importing", done, total, unit="parts"))

        def bytes_there(done: int, total: int | None) -> None:
            megabytes = None if total is None else total // 1_000_000
            show(Progress("download", done // 1_000_000, megabytes, unit="MB"))

        yield parts, bytes_there


def _plain(known: "Installed") -> dict[str, object]:
    plain: dict[str, object] = known.model_dump(mode="json")
    return {**plain, "folder": str(known.folder), "lacks": list(known.lacks)}


def _parts(known: "Installed") -> str:
    parts = ", ".join(known.sha256)
    return f"{parts} (lacks {', '.join(known.lacks)})" if known.lacks else parts


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
