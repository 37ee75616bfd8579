"""Where the service is, and the key to it: options, the environment, or what `afgen up` wrote."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from afgen.errors import OptionError
from afgen.media.files import write_private

URL_ENV: Final = "AFGEN_URL"
KEY_ENV: Final = "AFGEN_API_KEY"
PROFILE_ENV: Final = "AFGEN_PROFILE"


@dataclass(frozen=True, slots=True)
class Profile:
    """An address and a key. The key never shows in what is printed."""

    url: str
    api_key: str = field(repr=False)


def profile_path() -> Path:
    """`$AFGEN_PROFILE`, else a file among the user's settings (XDG base directories)."""
    if given := os.environ.get(PROFILE_ENV):
        return Path(given)
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "afgen" / "profile.json"


def write_profile(path: Path, profile: Profile) -> None:
    """Keep a profile where only its owner can read it. Raises OutputUnwritableError."""
    write_private(path, json.dumps(asdict(profile), indent=2) + "\n")


def read_profile(path: Path) -> Profile | None:
    """The profile in a file, None if there is none. Raises OptionError for anything else."""
    try:
        return Profile(**json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise OptionError(
            f"{path} cannot be read: {error}.", hint="Delete it; `afgen up` writes it anew."
        ) from error


def find_profile(url: str | None, api_key: str | None) -> Profile:
    """The service that is meant: each of the two from an option, the environment, the profile.

    A key belongs to its address: that of the profile goes nowhere else.

    Raises OptionError if the address or the key is known from nowhere.
    """
    kept = read_profile(profile_path())
    url = url or os.environ.get(URL_ENV) or (kept.url if kept else None)
    api_key = api_key or os.environ.get(KEY_ENV)
    if kept is not None and api_key is None and url == kept.url:
        api_key = kept.api_key
    if url is None:
        raise OptionError(
            "No service is known.",
            hint=f"Start one with `afgen up`, or say where it is: --url or {URL_ENV}.",
        )
    if not url.startswith(("http://", "https://")):
        raise OptionError(f"{url} is no address.", hint="It begins with http:// or https://.")
    if api_key is None:
        raise OptionError(
            f"No key to {url} is known.", hint=f"Give one with --api-key or {KEY_ENV}."
        )
    return Profile(url.rstrip("/"), api_key)
