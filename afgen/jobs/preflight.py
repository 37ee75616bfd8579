"""Is an upload usable, and fits it what a job wants of it? Asked before anything is rendered.

The codes are those of the command line: what `afgen render` would refuse after a first look is
refused here.
"""

import json
import logging
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from afgen.errors import (
    AfgenError,
    AssetNotReadyError,
    InternalError,
    MediaError,
    MediaTimeoutError,
    NoAudioError,
    NotMediaError,
    NoVideoError,
    OptionError,
    SilentAudioError,
    kinds,
)
from afgen.jobs.addresses import AddressPolicy, parse_target
from afgen.jobs.facts import AssetKind, Facts
from afgen.jobs.ids import Kind, is_id
from afgen.jobs.spec import JobSpec
from afgen.jobs.store.assets import READY
from afgen.jobs.tables import Asset
from afgen.render.possible import require_possible
from afgen.render.settings import RenderSettings

LOG = logging.getLogger("afgen.jobs")
_COMMAND = (sys.executable, "-m", "afgen.jobs.examine")
_PATIENCE_S = 180.0  # for the longest recording allowed, on a busy machine
_CHUNK_BYTES = 1 << 16


class Examiner:
    """Looks into files with a few long-lived processes; safe to share among threads.

    They start with their first file, so a service that gets no uploads has none.
    """

    def __init__(self, children: int = 2, patience_s: float = _PATIENCE_S) -> None:
        self._idle: SimpleQueue[_Child] = SimpleQueue()
        self._children = [_Child(patience_s) for _ in range(children)]
        for child in self._children:
            self._idle.put(child)

    def examine(self, kind: AssetKind, path: Path) -> Facts:
        """What the file holds; waits while all processes are busy.

        Raises MediaError or PortraitError as a render would; MediaTimeoutError, too, for a file
        that takes too long or too much memory.
        """
        child = self._idle.get()
        try:
            answer = child.ask({"kind": kind, "path": str(path)}, path.name)
        finally:
            self._idle.put(child)
        if "fault" in answer:
            LOG.error("examining %s failed:\n%s", path.name, answer["fault"])
            raise InternalError(f"{path.name} could not be examined.")
        if "error" in answer:
            raise _raised(answer["error"])
        return Facts.model_validate(answer["facts"])

    @property
    def pids(self) -> tuple[int, ...]:
        """The numbers of the processes that run."""
        return tuple(child.pid for child in self._children if child.pid is not None)

    def close(self) -> None:
        """End the processes."""
        for child in self._children:
            child.stop()


class _Child:
    """One process, started when it is needed and again after its end."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: Mapping[str, str], subject: str) -> dict[str, Any]:
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            return dict(json.loads(self._line(process.stdout.fileno())))
        except (OSError, EOFError, TimeoutError):
            self.stop()
            raise MediaTimeoutError(
                f"{subject} needed more time or memory than is allowed."
            ) from None

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._process = subprocess.Popen(
                _COMMAND,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # the chatter of native libraries
                bufsize=0,
            )
        return self._process

    @property
    def pid(self) -> int | None:
        ended = self._process is None or self._process.poll() is not None
        return None if self._process is None or ended else self._process.pid

    def _line(self, pipe: int) -> bytes:
        said = b""
        while not said.endswith(b"\n"):
            ready, _, _ = select.select([pipe], [], [], self._patience_s)
            if not ready:
                raise TimeoutError
            chunk = os.read(pipe, _CHUNK_BYTES)
            if not chunk:
                raise EOFError
            said += chunk
        return said

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._process = None


def _raised(told: Mapping[str, str]) -> AfgenError:
    kind = next((kind for kind in kinds() if kind.code == told["code"]), MediaError)
    return kind(told["message"], hint=told["hint"])


def check_inputs(spec: JobSpec, uploads: Mapping[str, Asset], policy: AddressPolicy) -> None:
    """Raise the error of a render of these inputs, as far as it is known beforehand.

    `uploads` are those of the tenant, by id. Addresses are only looked at: their files come later.
    Raises MediaError, PortraitError, OptionError; AddressRefusedError; AssetNotReadyError.
    """
    require_possible(spec.settings)
    for role, reference in spec.inputs.by_role.items():
        if not is_id(Kind.ASSET, reference):
            parse_target(reference, policy)
            continue
        asset = uploads.get(reference)
        if asset is None or asset.state != READY:
            raise AssetNotReadyError(f"The {role} is no upload that is ready: {reference}.")
        facts = Facts.model_validate(asset.facts or {})
        check_role(role, AssetKind(asset.kind), facts)
        check_span(role, facts, spec.settings)


def check_role(role: str, kind: AssetKind, facts: Facts) -> None:
    """Raise the error of a render that is given this file in this role.

    `role` is a field of `afgen.jobs.spec.Inputs`. Raises MediaError or PortraitError.
    """
    if (kind is AssetKind.PORTRAIT) != (role == "portrait"):
        raise NotMediaError(
            f"The {role} is an upload of the kind {kind}.",
            hint="Upload portraits with the kind portrait, recordings with the kind recording.",
        )
    if role == "conversation" and facts.video is None and not _audible(facts):
        raise SilentAudioError("In the conversation nothing can be heard, and nobody seen.")
    if role == "user_video" and facts.video is None:
        raise NoVideoError("The user_video has no picture.")
    if role in ("user_audio", "avatar_audio"):
        if facts.audio is None:
            raise NoAudioError(f"The {role} has no sound.")
        if not _audible(facts):
            raise SilentAudioError(f"In the {role} nothing can be heard.")


def _audible(facts: Facts) -> bool:
    return facts.audio is not None and facts.audio.audible


def check_span(role: str, facts: Facts, settings: RenderSettings) -> None:
    """Raise OptionError for a span that begins after the recording's end."""
    if facts.duration_s is not None and settings.start_s >= facts.duration_s:
        raise OptionError(
            f"The {role} ends at {facts.duration_s:.1f} s, before the span begins.",
            hint="Choose an earlier start_s.",
        )
