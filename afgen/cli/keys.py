"""Commands about who may use the service: `afgen keys` and `afgen tenants`.

They look into the database themselves, so whoever runs them needs no key.
"""

import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from afgen.cli.reach import ApiKey, Url
from afgen.cli.service import Data
from afgen.cli.terminal import Json, print_json, print_table, say

if TYPE_CHECKING:
    from afgen.jobs.store import Store
    from afgen.jobs.tables import ApiKey as Row
    from afgen.jobs.tables import Tenant

Of = Annotated[str, typer.Option("--tenant", help="Name of the tenant, see `afgen tenants list`.")]

keys = typer.Typer(help="Make and revoke API keys.", no_args_is_help=True)
tenants = typer.Typer(help="Who uses the service.", no_args_is_help=True)


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    tenant: Of = "default",
    scope: Annotated[
        list[str] | None,
        typer.Option(help="jobs:read, jobs:write or admin; read and write if left out."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(help="Until it expires; never if left out.", min=1)
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once: only its hash is kept.

    [bold]Example[/]  afgen keys create website --scope jobs:read --days 90
    """
    from afgen.jobs import keys as domain
    from afgen.jobs.store import utc_now

    scopes = frozenset(map(_scope, scope)) if scope else _usual_scopes()
    now = utc_now()
    with _store(data) as store:
        key, token = domain.create_key(
            store,
            _tenant(store, tenant).id,
            name,
            scopes,
            at=now,
            expires_at=now + timedelta(days=days) if days else None,
        )
    say("[bold green]made[/] {}  [dim]its secret is shown this once[/]", key.id)
    print_json(json.dumps({**_plain(key), "api_key": token}, indent=2) if as_json else token)


@keys.command(name="list")
def list_keys(tenant: Of = "default", data: Data = None, as_json: Json = False) -> None:
    """List the keys of a tenant, without their secrets.

    [bold]Example[/]  afgen keys list --tenant website
    """
    with _store(data) as store:
        found = store.keys.list(_tenant(store, tenant).id, limit=1000)
    if as_json:
        print_json(json.dumps([_plain(key) for key in found], indent=2))
        return
    print_table(
        ("key", "name", "scopes", "last used", "ends"),
        (
            (key.id, key.name, "\n".join(key.scopes), _day(key.last_used_at), _end(key))
            for key in found
        ),
        whole=0,
    )


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="Such as key_01k9z3..., see `afgen keys list`.")],
    tenant: Of = "default",
    data: Data = None,
) -> None:
    """End the use of a key at once.

    [bold]Example[/]  afgen keys revoke key_01k9z3m8q4w7n2x5b6c8d9f0g1
    """
    with _store(data) as store:
        key = store.keys.revoke(_tenant(store, tenant).id, key_id)
    say("[yellow]revoked[/] {}  {}", key.id, key.name)


@keys.command()
def env(url: Url = None, api_key: ApiKey = None) -> None:
    """Print address and key of the service in use for a shell, key included.

    [bold]Example[/]  eval "$(afgen keys env)"; curl -H "Authorization: Bearer $AFGEN_API_KEY" ...
    """
    from afgen.client.profile import KEY_ENV, URL_ENV, find_profile

    profile = find_profile(url, api_key)
    for name, value in ((URL_ENV, profile.url), (KEY_ENV, profile.api_key)):
        print_json(f"export {name}={shlex.quote(value)}")


@tenants.command(name="create")
def create_tenant(
    name: Annotated[str, typer.Argument(help="Unlike all others.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Make a tenant: jobs, files and keys of one are invisible to the others.

    [bold]Example[/]  afgen tenants create website && afgen keys create first --tenant website
    """
    with _store(data) as store:
        made = store.tenants.create(name)
    say("[bold green]made[/] {}", made.id)
    if as_json:
        print_json(json.dumps(_of(made), indent=2))


@tenants.command(name="list")
def list_tenants(data: Data = None, as_json: Json = False) -> None:
    """List all tenants.

    [bold]Example[/]  afgen tenants list
    """
    with _store(data) as store:
        found = store.tenants.all()
    if as_json:
        print_json(json.dumps([_of(tenant) for tenant in found], indent=2))
    else:
        print_table(
            ("tenant", "name", "made", "limits of its own"),
            ((one.id, one.name, _day(one.created_at), one.limits or "") for one in found),
            whole=0,
        )


@contextmanager
def _store(data: Path | None) -> "Iterator[Store]":
    """The database that is meant."""
    from afgen.jobs.embedded.folder import local_settings
    from afgen.jobs.store import open_store

    store = open_store(local_settings(data))
    try:
        yield store
    finally:
        store.close()


def _tenant(store: "Store", name: str) -> "Tenant":
    from afgen.errors import NotFoundError

    found = store.tenants.named(name)
    if found is None:
        raise NotFoundError(f"There is no tenant {name!r}.", hint=f"afgen tenants create {name}")
    return found


def _usual_scopes() -> Any:
    from afgen.jobs.keys import Scope

    return frozenset({Scope.READ, Scope.WRITE})


def _scope(text: str) -> Any:
    from afgen.errors import OptionError
    from afgen.jobs.keys import Scope

    if text not in list(Scope):
        raise OptionError(f"--scope {text}: there is {', '.join(Scope)}.")
    return Scope(text)


def _plain(key: "Row") -> dict[str, Any]:
    moments = ("created_at", "last_used_at", "expires_at", "revoked_at")
    times = {name: getattr(key, name) for name in moments}
    return {
        "id": key.id,
        "name": key.name,
        "scopes": key.scopes,
        **{name: at and at.isoformat() for name, at in times.items()},
    }


def _of(tenant: "Tenant") -> dict[str, Any]:
    return {"id": tenant.id, "name": tenant.name, "limits": tenant.limits}


def _day(moment: Any) -> str:
    return moment.astimezone().strftime("%Y-%m-%d") if moment else "never"


def _end(key: "Row") -> str:
    if key.revoked_at is not None:
        return "revoked"
    return _day(key.expires_at)
