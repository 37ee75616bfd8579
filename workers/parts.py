"""Half-made renders in the store of files, so that another worker can go on with them.

They lie under the fingerprint of the render: what was begun with other weights or on another kind
of machine would not give the same bytes, and is not taken up.
"""

from pathlib import Path
from threading import Lock

from afgen.jobs.blobs.interface import Blobs
from afgen.jobs.blobs.layout import work_prefix
from afgen.media.parts import lasting_parts, open_parts, parts_folder

_KEY_CHARACTERS = 32


class Parts:
    """What is half-made of the video `output`, here and in the store."""

    def __init__(self, blobs: Blobs, job_id: str, key: str, output: Path) -> None:
        """`key` is the fingerprint of the render."""
        self._blobs = blobs
        self._key = key
        self._prefix = f"{work_prefix(job_id)}{key[:_KEY_CHARACTERS]}/"
        self._output = output
        self._stored: set[str] = set()
        self._storing = Lock()
        self._closed = False

    def restore(self) -> None:
        """Fetch what an earlier worker has stored. Raises StorageError, OutputError."""
        folder = open_parts(self._output, self._key)
        for blob in self._blobs.list_prefix(self._prefix):
            name = blob.key.removeprefix(self._prefix)
            self._blobs.get(blob.key, folder / name)
            self._stored.add(name)

    def store(self) -> bool:
        """Store what is new, and say whether a segment of the video is among it.

        Raises StorageError.
        """
        segment = False
        with self._storing:
            for part in lasting_parts(parts_folder(self._output)):
                if self._closed or part.name in self._stored:
                    continue
                self._blobs.put_file(self._prefix + part.name, part)
                self._stored.add(part.name)
                segment |= part.suffix == self._output.suffix
        return segment

    def close(self) -> None:
        """Store nothing any more, not even what another thread is about to."""
        with self._storing:
            self._closed = True
