"""The generator's state at the end of every segment, kept beside the half-made video."""

from pathlib import Path

from afgen.errors import OptionError
from afgen.generator.state import StreamState
from afgen.media.arguments import EncodeSettings
from afgen.media.files import writing
from afgen.signals import MotionBlock

ENCODING = EncodeSettings()


def keep_state(folder: Path, block: MotionBlock, state: StreamState) -> None:
    """Write the state after a block that ends a segment. Raises OutputError."""
    end = block.start_frame + len(block.motion_TD)
    if end % ENCODING.segment_frames:
        return
    path = _state_path(folder, end)
    with writing(path):
        partial = path.with_suffix(".partial")
        partial.write_bytes(state.to_bytes())
        partial.replace(path)


def kept_state(folder: Path, frame: int) -> StreamState | None:
    """The state kept for the frame from which a render goes on; None for its beginning.

    Raises OptionError when it is not there.
    """
    if frame == 0:
        return None
    path = _state_path(folder, frame)
    if not path.is_file():
        raise OptionError(
            f"{folder} lacks the state of frame {frame}.",
            hint="Run again without --resume to begin anew.",
        )
    return StreamState.from_bytes(path.read_bytes())


def _state_path(folder: Path, frame: int) -> Path:
    return folder / f"{frame:08d}.state"
