"""Makes the pictures of the gallery: `python -m afgen.demo.gallery docs/gallery`.

Only pictures whose rights allow it: the public-domain astronaut and the friend painted by code.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from skimage import data

from afgen.autoencoder.mesh.decode import MeshAutoencoder
from afgen.autoencoder.mesh.script import REVIEW
from afgen.demo.painting import paint
from afgen.demo.run import demo
from afgen.evaluate.pictures.sheets import Moment, SheetConfig, contact_sheet
from afgen.presets import find_faces
from afgen.signals import Image, Portrait

JPEG_QUALITY = 88


def make_gallery(folder: Path) -> None:
    """Write one of every expression for each portrait, and the demo's sheet and timeline."""
    folder.mkdir(parents=True, exist_ok=True)
    portraits = {"astronaut": np.asarray(data.astronaut(), np.uint8), "friend": paint(768)}
    for name, picture_HWC in portraits.items():
        _save(expressions(picture_HWC), folder / f"{name}.jpg")
    with tempfile.TemporaryDirectory() as place:
        made = demo(Path(place))
        for name, path in (("demo", made.sheet), ("timeline", made.timeline)):
            _save(np.asarray(PillowImage.open(path).convert("RGB")), folder / f"{name}.jpg")


def expressions(picture_HWC: Image) -> Image:
    """A contact sheet of one of everything the portrait can be made to do."""
    autoencoder = MeshAutoencoder(find_faces)
    identity = autoencoder.identify(Portrait(picture_HWC, sha256=""))
    moments = []
    for name, controls in REVIEW:
        motion_D = controls.motion()
        (image_HWC,) = autoencoder.decode(identity, motion_D[None])
        landmarks_N3 = autoencoder.landmarks(identity, motion_D)
        moments.append(Moment(name, image_HWC, (landmarks_N3,)))
    return contact_sheet(moments, SheetConfig(columns=7))


def _save(picture_HWC: Image, path: Path) -> None:
    PillowImage.fromarray(picture_HWC).save(path, quality=JPEG_QUALITY, optimize=True)


if __name__ == "__main__":
    make_gallery(Path(sys.argv[1]))
