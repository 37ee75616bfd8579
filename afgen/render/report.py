"""The report beside every video: what went in, what was understood, and how to make it again."""

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from afgen.errors import CorruptMediaError, OptionError
from afgen.media.files import atomic_path, require_readable, sha256_of
from afgen.render.settings import RenderSettings, Sources

VERSIONED = ("afgen", "torch", "numpy", "mediapipe", "numba", "opencv-contrib-python")


class Report(BaseModel):
    """Everything needed to repeat a render bit for bit on the same machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: Sources
    settings: RenderSettings
    inputs_sha256: dict[str, str]
    weights_sha256: dict[str, str]
    weights_licence: str
    weights_notice: str = ""
    versions: dict[str, str]
    computed_on: dict[str, str] = {}
    rows: int = 1  # recordings generated side by side; more than one changes the last bits
    frames: int
    output_sha256: str
    understanding: dict[str, Any]
    speed: dict[str, float]
    warnings: list[str]

    @property
    def key(self) -> str:
        """The fingerprint of the render it tells of, wherever it was made and among how many."""
        return fingerprint(
            {"avatar": self.sources.avatar},
            self.settings,
            self.inputs_sha256,
            self.weights_sha256,
            self.versions,
            self.computed_on,
        )

    def save(self, path: Path) -> None:
        """Write as indented JSON, whole or not at all. Raises OutputError."""
        with atomic_path(path) as temporary:
            temporary.write_text(self.model_dump_json(indent=2) + "\n", "utf-8")


def load_report(path: Path) -> Report:
    """Read a report. Raises MediaError where there is no such file, OptionError for another one."""
    require_readable(path)
    try:
        return Report.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise OptionError(
            f"{path} is not a render report.",
            hint="Give the .json file that `afgen render` wrote beside a video.",
        ) from error


def check_unchanged(report: Report) -> None:
    """Raise CorruptMediaError when an input is no longer the file the report was made from."""
    for role, path in report.sources.files.items():
        if sha256_of(path) != report.inputs_sha256.get(role):
            raise CorruptMediaError(
                f"{path} is not the {role} this report was made from.",
                hint="Restore the file, or run `afgen render` anew without --from.",
            )


def unlike(before: Report, again: Report) -> list[str]:
    """Why a repeated render may differ from the first: what of the installation has changed."""
    if before.output_sha256 == again.output_sha256:
        return []
    known = (("weights of", before.weights_sha256, again.weights_sha256),
             ("version of", before.versions, again.versions),
             ("machine:", before.computed_on, again.computed_on),
             ("number of", {"rows": str(before.rows)}, {"rows": str(again.rows)}))  # fmt: skip
    changed = [
        f"another {what} {name}"
        for what, old, new in known
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    return [f"The bytes are not those of the first time: {', '.join(changed) or 'no cause known'}."]


def fingerprint(*parts: BaseModel | dict[str, str]) -> str:
    """One hash over settings and inputs: a half-made render may go on only where this is equal."""
    plain = [
        part.model_dump(mode="json") if isinstance(part, BaseModel) else part for part in parts
    ]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of what computes the picture."""
    return {"python": platform.python_version(), **{name: version(name) for name in VERSIONED}}
