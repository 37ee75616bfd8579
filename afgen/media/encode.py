"""Pictures and sound to an H.264 + AAC mp4 that appears whole or not at all, and can be resumed.

Pictures are encoded in segments of whole frames, each by an encoder of its own that starts afresh:
a segment's bytes depend on its pictures alone. Segments are joined without touching them and the
sound is encoded once at the end, so a resumed render gives the bytes of an uninterrupted one.
"""

import queue
import shutil
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from afgen.clock import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from afgen.errors import InternalError, OptionError
from afgen.media import arguments
from afgen.media.arguments import EncodeSettings, SoundInput
from afgen.media.files import require_writable_place, writing
from afgen.media.limits import PROCESS_LIMITS, ProcessLimits
from afgen.media.parts import (
    JOINED_FILE,
    LISTING_FILE,
    finished_parts,
    is_begun,
    list_parts,
    open_parts,
    tail_of,
    temporary_parts,
)
from afgen.media.probe import MediaInfo
from afgen.media.process import Child
from afgen.signals import Floats, Image

_QUEUED_FRAMES = 8
_POLL_S = 0.1
_SMALLEST_SIDE = 16
_PROGRESS_BYTES = 64 * 2**20
_SOUND_CHUNK_SAMPLES = SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class SoundFile:
    """The sound of a recording from `start_s` on, at its own quality."""

    info: MediaInfo
    start_s: float = 0.0


Sound = Floats | Sequence[SoundFile] | None  # samples (S) or (channels, S) at 16 kHz, or files


def encode_video(
    frames: Iterable[Image],
    path: Path,
    *,
    size: tuple[int, int],
    sound: Sound = None,
    settings: EncodeSettings | None = None,
) -> int:
    """Write all `frames` with `sound` to an mp4 at 25 fps and return their number.

    Raises: as `VideoWriter`.
    """
    with VideoWriter(path, size=size, settings=settings) as writer:
        for image_HWC in frames:
            writer.write(image_HWC)
        writer.finish(sound)
        return writer.frames


class VideoWriter:
    """Writes pictures one by one; `finish` makes the file appear.

    Leaving the block without `finish`, by an exception or Ctrl-C, leaves no file. With a
    `resume_key` finished segments stay in a hidden folder beside the result, and a later writer
    with the same path and key goes on at `first_frame`; with another key they are thrown away. The
    key must tell apart everything the pictures come from, the size and the settings.

    Example:
        with VideoWriter(path, size=(512, 512), resume_key=key) as writer:
            for image in render(from_frame=writer.first_frame):
                writer.write(image)
            writer.finish(sound)
    """

    def __init__(
        self,
        path: Path,
        *,
        size: tuple[int, int],
        settings: EncodeSettings | None = None,
        resume_key: str | None = None,
        limits: ProcessLimits = PROCESS_LIMITS,
    ) -> None:
        """Prepare to write (width, height) pictures; nothing is encoded yet.

        Raises:
            OutputUnwritableError, DiskFullError: `path` can't be written.
            OptionError: pictures of this size can't be encoded.
        """
        if min(size) < _SMALLEST_SIDE:
            raise OptionError(f"A video of {size[0]}x{size[1]} pixels is too small.")
        require_writable_place(path)
        self.path = path
        self.size = size
        self.settings = settings or EncodeSettings()
        self._limits = limits
        self._keep = resume_key is not None
        self._folder = temporary_parts(path) if resume_key is None else open_parts(path, resume_key)
        parts = finished_parts(self._folder)
        self.first_frame = len(parts) * self.settings.segment_frames
        self.frames = self.first_frame
        self._done = False
        self._encoder = _SegmentEncoder(self._folder, len(parts), size, self.settings, limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._encoder.abort()
        if self._done or not self._keep or not is_begun(self._folder):
            shutil.rmtree(self._folder, ignore_errors=True)

    def write(self, image_HWC: Image) -> None:
        """Append one picture; returns as soon as a queue of a few frames has room.

        Raises:
            InternalError: the picture is not (height, width, 3) uint8 of the writer's size.
            OutputError: an earlier picture could not be stored.
        """
        width, height = self.size
        if image_HWC.shape != (height, width, 3) or image_HWC.dtype != np.uint8:
            raise InternalError(f"A {image_HWC.dtype} picture of shape {image_HWC.shape} came.")
        self._encoder.put(image_HWC.tobytes())
        self.frames += 1

    def finish(self, sound: Sound = None) -> None:
        """Join the pictures, add the sound cut or padded to their length, and name the file.

        Raises:
            OutputError: the file could not be written.
            MediaError: a sound file could not be read.
        """
        if self.frames == 0:
            raise InternalError("A video without pictures was to be finished.")
        self._encoder.close()
        with writing(self.path):
            list_parts(self._folder)
        # Names are relative to the folder: ffmpeg takes some signs in longer ones for addresses.
        command = arguments.join(
            Path(LISTING_FILE),
            Path(JOINED_FILE),
            sounds=_sound_inputs(sound),
            frames=self.frames,
            settings=self.settings,
        )
        with Child(
            command,
            subject=self.path.name,
            blames=InternalError,
            folder=self._folder,
            feeds=True,
            reads=True,
            limits=self._limits,
        ) as child:
            if isinstance(sound, np.ndarray):
                _feed(child, np.atleast_2d(sound)[:, : self.frames * SAMPLES_PER_FRAME])
            for _ in child.lines(_PROGRESS_BYTES):  # takes its time, and tells that it is alive
                pass
            child.finish()
        with writing(self.path):
            (self._folder / JOINED_FILE).replace(self.path)
        self._done = True


class _SegmentEncoder:
    """Feeds queued pictures to one encoder after another on a thread of its own."""

    def __init__(
        self,
        folder: Path,
        first: int,
        size: tuple[int, int],
        settings: EncodeSettings,
        limits: ProcessLimits,
    ) -> None:
        self._folder = folder
        self._next = first
        self._size = size
        self._settings = settings
        self._limits = limits
        self._queue: queue.Queue[bytes | None] = queue.Queue(_QUEUED_FRAMES)
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, picture: bytes | None) -> None:
        """Queue a picture, or None for the end; raises what went wrong on the thread."""
        while True:
            self._raise_failure()
            with suppress(queue.Full):
                self._queue.put(picture, timeout=_POLL_S)
                return

    def close(self) -> None:
        """Store everything queued."""
        self.put(None)
        self._thread.join()
        self._raise_failure()

    def abort(self) -> None:
        """Give up what is not stored yet. Harmless after `close`."""
        self._stop.set()
        self._thread.join()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while (picture := self._take()) is not None:
                self._segment(picture)
        except Exception as error:  # handed to the thread that writes
            self._failure = error

    def _take(self) -> bytes | None:
        while not self._stop.is_set():
            with suppress(queue.Empty):
                return self._queue.get(timeout=_POLL_S)
        return None

    def _segment(self, first: bytes) -> None:
        path = self._folder / f"{self._next:06d}.mp4"
        partial = path.with_suffix(".partial")
        command = arguments.write_segment(partial, self._size, self._settings)
        picture: bytes | None = first
        count = 0
        with Child(
            command, subject=path.name, blames=InternalError, feeds=True, limits=self._limits
        ) as child:
            while picture is not None:
                child.write(picture)
                count += 1
                picture = self._take() if count < self._settings.segment_frames else None
            if self._stop.is_set():
                return
            child.finish()
        with writing(path):
            partial.replace(path if count == self._settings.segment_frames else tail_of(path))
        self._next += 1
        if count < self._settings.segment_frames:
            self._stop.set()


def _sound_inputs(sound: Sound) -> list[SoundInput]:
    if sound is None:
        return []
    if isinstance(sound, np.ndarray):
        return [SoundInput(channels=np.atleast_2d(sound).shape[0])]
    return [
        SoundInput(
            path=file.info.path.absolute(),
            container=file.info.container,
            channels=file.info.require_audio().channels,
            start_s=file.start_s,
        )
        for file in sound
    ]


def _feed(child: Child, samples_CS: Floats) -> None:
    """Interleave samples into the child's standard input, second by second, and close it."""
    samples_SC = samples_CS.T
    for first in range(0, len(samples_SC), _SOUND_CHUNK_SAMPLES):
        chunk = samples_SC[first : first + _SOUND_CHUNK_SAMPLES]
        child.write(chunk.astype("<f4").tobytes())
    child.close_input()
