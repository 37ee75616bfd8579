"""The paper's own autoencoder behind the common interface: a network in place of a mesh.

Shape letters: B frames decoded at once, D motion, H and W pixels, C colours.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the name everybody reads)

from afgen.autoencoder.faces import FaceFinder, only_face
from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.crop import CropConfig, CropState, cut, follow, square_around
from afgen.autoencoder.lia.network import Source
from afgen.autoencoder.lia.paste import PastePlace, paste, paste_place
from afgen.errors import OptionError
from afgen.signals import FaceView, Floats, Image, Portrait

LEAST_FACE_PX = 64.0  # extent of the face in a portrait
RIVAL_FACE = 0.5  # another face this large beside the largest one is one too many

See = Callable[[Tensor], Tensor]  # FaceNetwork.motion, or a recording of it
Draw = Callable[[Source, Tensor], Tensor]  # FaceNetwork.decode, or a recording of it


class FaceNetwork(Protocol):
    """`LiaNetwork`, or what gives the same: `FoldedLia`."""

    @property
    def config(self) -> LiaConfig:
        """Its sizes."""
        ...

    def source(self, image_BCHW: Tensor) -> Source:
        """Everything that drawing needs of source pictures."""
        ...

    def motion(self, image_BCHW: Tensor) -> Tensor:
        """Motion (B, D) of the faces in pictures."""
        ...

    def decode(self, source: Source, motion_BD: Tensor) -> Tensor:
        """Pictures (B, 3, size, size) of a source with these motions, about [-1, 1]."""
        ...


@dataclass(frozen=True, slots=True)
class LiaIdentity:
    """A portrait ready to be moved. Nothing in it is ever written to."""

    portrait: Portrait
    source: Source
    place: PastePlace


class LiaAutoencoder:
    """Motion latents from faces and pictures from motion latents; z = z_S + m, paper equation 3.

    Holds weights and constants only. `find_faces` gives the landmarks (478, 3) of each face of a
    picture, largest first. The network lies on `device`; `see` and `draw` take the place of its own
    encoding of motion and decoding. Pictures are squares of `size`, None for the network's own;
    `at_once` of them are made together, and on a GPU the next ones are under way while the last
    ones are copied and used.

    A face that is turned away is no error here: the network has seen such faces.
    """

    def __init__(
        self,
        network: FaceNetwork,
        find_faces: FaceFinder,
        *,
        device: torch.device | str = "cpu",
        size: int | None = None,
        at_once: int = 1,
        see: See | None = None,
        draw: Draw | None = None,
        crop: CropConfig | None = None,
    ) -> None:
        self._network = network
        self._find_faces = find_faces
        self._size = size or network.config.size
        self._at_once = at_once
        self._see = see or network.motion
        self._draw = draw or network.decode
        self._crop = crop or CropConfig()
        self._device = torch.device(device)

    @property
    def motion_dim(self) -> int:
        """D, the numbers of motion a frame."""
        return self._network.config.latent_dim

    def identify(self, portrait: Portrait) -> LiaIdentity:
        """The portrait's latent and feature maps, and where its square lies.

        Raises NoFaceError, SeveralFacesError or FaceTooSmallError.
        """
        face_N3 = only_face(
            self._find_faces(portrait.image_HWC), least_px=LEAST_FACE_PX, rival=RIVAL_FACE
        )
        square = square_around(face_N3).whole()
        with torch.inference_mode():
            source = self._network.source(self._seen(cut(portrait.image_HWC, square, self._side)))
        return LiaIdentity(portrait, source, paste_place(square, portrait.image_HWC.shape))

    def reference_motion(self, identity: LiaIdentity) -> Floats:
        """m_S of the portrait itself, (D,)."""
        motion_D: Floats = identity.source.motion_BD[0].float().cpu().numpy()
        return motion_D

    def encode(self, view: FaceView, state: CropState | None) -> tuple[Floats, CropState]:
        """Motion (D,) of a tracked face, in a square that the past alone has placed."""
        state = follow(view.landmarks_N3, state, self._crop)
        crop_HWC = cut(view.image_HWC, state.square, self._side)
        with torch.inference_mode():
            motion_D: Floats = self._see(self._seen(crop_HWC))[0].float().cpu().numpy()
        return motion_D, state

    def restyle(
        self,
        identity: LiaIdentity,
        motion_TD: Floats,
        *,
        head: float,
        expression: float,
        blink: float,
    ) -> Floats:
        """The motion as it is. Raises OptionError for a strength other than 1.

        The directions of a motion latent are learned together: none of them is the head's alone.
        """
        if (head, expression, blink) != (1.0, 1.0, 1.0):
            raise OptionError(
                "This preset cannot tell head motion, expression and blinks apart.",
                hint="Leave --head, --expression and --blink out, or use --preset portrait.",
            )
        return motion_TD

    def decode(self, identity: LiaIdentity, motion_TD: Floats) -> Iterator[Image]:
        """One picture (size, size, 3) per row of motion.

        Exposure is fixed, [-1, 1] to 0..255: a clip's own darkest and lightest do not matter.
        """
        under_way: _Copying | None = None
        for first in range(0, len(motion_TD), self._at_once):
            begun = self._begin(identity, motion_TD[first : first + self._at_once])
            if under_way is not None:
                yield from under_way.pictures()
            under_way = begun
        if under_way is not None:
            yield from under_way.pictures()

    def paste(self, identity: LiaIdentity, crop_HWC: Image) -> Image:
        """The crop put back into the full portrait at its own resolution."""
        return paste(identity.portrait.image_HWC, crop_HWC, identity.place)

    @property
    def _side(self) -> int:
        return self._network.config.size

    def _seen(self, crop_HWC: Image) -> Tensor:
        """A picture as the network takes it, (1, 3, H, W) in [-1, 1]."""
        image_CHW = torch.from_numpy(crop_HWC.transpose(2, 0, 1).copy()).to(self._device)
        return (image_CHW.float() / 127.5 - 1.0)[None]

    @torch.inference_mode()
    def _begin(self, identity: LiaIdentity, motion_BD: Floats) -> "_Copying":
        """Decode a batch; on a GPU this only asks for it.

        Batches of a GPU are always full, but for single frames, so that two recorded graphs serve
        all of them.
        """
        wanted = len(motion_BD)
        if self._device.type == "cuda" and wanted > 1:
            motion_BD = np.pad(motion_BD, ((0, self._at_once - wanted), (0, 0)), mode="edge")
        drawn_BCHW = self._draw(identity.source, torch.from_numpy(motion_BD).to(self._device))
        return _Copying(_pixels(_resized(drawn_BCHW[:wanted].float(), self._size)))


class _Copying:
    """Pictures (B, H, W, 3) on their way to the host; from a GPU the copy runs by itself."""

    def __init__(self, pixels_BHWC: Tensor) -> None:
        self._arrived: torch.cuda.Event | None = None
        self._host_BHWC = pixels_BHWC
        if pixels_BHWC.is_cuda:
            self._host_BHWC = torch.empty_like(pixels_BHWC, device="cpu", pin_memory=True)
            self._host_BHWC.copy_(pixels_BHWC, non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._arrived.record()

    def pictures(self) -> Iterator[Image]:
        """Each picture, once all have come."""
        if self._arrived is not None:
            self._arrived.synchronize()
        yield from self._host_BHWC.numpy()


def _resized(image_BCHW: Tensor, size: int) -> Tensor:
    if image_BCHW.shape[-1] == size:
        return image_BCHW
    return F.interpolate(image_BCHW, size=(size, size), mode="bicubic", antialias=True)


def _pixels(image_BCHW: Tensor) -> Tensor:
    """(B, C, H, W) about [-1, 1] to (B, H, W, C) uint8."""
    scaled_BHWC = (image_BCHW.permute(0, 2, 3, 1).clamp(-1.0, 1.0) + 1.0) * 127.5
    return scaled_BHWC.round().to(torch.uint8).contiguous()
