"""Makes the files in `assets/`: run once with `python -m afgen.demo.material`, after new weights.

The avatar's voice and the friend's are synthetic, the friend is painted by code, and his video is
rendered by the project itself: he tells his story while he sees nobody and hears her.
"""

import tempfile
from pathlib import Path

from afgen.demo.painting import paint
from afgen.demo.script import make_voices
from afgen.media.audio import write_wav
from afgen.media.images import save_png
from afgen.render.job import render
from afgen.render.settings import RenderSettings, Sources

ASSETS = Path(__file__).parent / "assets"
SETTINGS = RenderSettings(size=384, full_frame=True, sound="avatar", seed=5)


def make_material(folder: Path = ASSETS) -> None:
    """Write `avatar.wav` and `user.mp4` to `folder`. Raises SetupError without flite."""
    voices = make_voices()
    write_wav(folder / "avatar.wav", voices["avatar"])
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        write_wav(work / "user.wav", voices["user"])
        save_png(paint(512), work / "friend.png")
        sources = Sources(
            portrait=work / "friend.png",
            avatar_audio=work / "user.wav",
            user_audio=folder / "avatar.wav",
        )
        render(sources, SETTINGS, work / "user.mp4")
        (folder / "user.mp4").write_bytes((work / "user.mp4").read_bytes())


if __name__ == "__main__":
    make_material()
