"""What everything that turns a voice into feature rows has in common.

Shape letters: S samples, T frames, A features of a row.
"""

from typing import Any, Protocol

from afgen.signals import Floats, Samples


class AudioFeatures(Protocol):
    """A voice as rows of features, one per frame of 25 Hz.

    Holds constants only, so one extractor serves any number of voices; what a voice needs between
    calls is a value of the extractor's own that is passed in and returned.
    """

    @property
    def audio_dim(self) -> int:
        """A, numbers per row."""
        ...

    @property
    def look_ahead_frames(self) -> int | None:
        """Frames after the block it lies in that a row depends on; None: all of the recording.

        A live session must have heard this much beyond a block before it asks for the block.
        """
        ...

    def rows(
        self, audio_S: Samples, start_frame: int, frames: int, state: Any = None
    ) -> tuple[Floats, Any]:
        """Rows (T, A) of `frames` frames from `start_frame` on, and the state after them.

        `audio_S` is the whole voice from its beginning; it reaches into the last frame asked for.
        Nothing of it is read that lies more than `look_ahead_frames` beyond the last block asked
        for. What the voice lacks of a frame is silence.

        `state` is what the call for the frames before returned. None is always allowed and gives
        the same rows; the extractor then goes back in the voice as far as it has to.
        """
        ...
