"""Portraits from picture files, and pictures to PNG."""

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageCms, ImageOps, UnidentifiedImageError

from afgen.errors import (
    CorruptMediaError,
    MediaTooLargeError,
    MediaTooSmallError,
    NotMediaError,
    UnsupportedMediaError,
)
from afgen.media.files import atomic_path, require_readable
from afgen.media.limits import MEDIA_LIMITS, MediaLimits
from afgen.signals import Image, Portrait

_FORMATS = ("JPEG", "PNG", "WEBP")
_PROFILED_MODES = frozenset({"RGB", "RGBA", "CMYK"})
_BACKGROUND_RGB = (128, 128, 128)  # behind transparent pixels: neither a hole nor a glow


def load_portrait(path: Path, limits: MediaLimits = MEDIA_LIMITS) -> Portrait:
    """A JPEG, PNG or WebP picture, upright, on a neutral background where it is transparent.

    Raises:
        FileMissingError, FileUnreadableError, EmptyFileError: from the file system.
        NotMediaError: not a picture.
        UnsupportedMediaError: a picture of another kind, or an animation.
        CorruptMediaError: the file is damaged or cut off.
        MediaTooLargeError: more bytes or pixels than `limits` allow.
        MediaTooSmallError: too few pixels to show anything.
    """
    if require_readable(path) > limits.portrait_bytes:
        raise MediaTooLargeError(f"{path.name} is larger than any picture need be.")
    data = path.read_bytes()
    image_HWC = _decode(data, path.name, limits)
    return Portrait(image_HWC, sha256=hashlib.sha256(data).hexdigest(), name=path.stem)


def save_png(image_HWC: Image, path: Path) -> None:
    """Write an RGB picture as PNG, whole or not at all.

    Raises:
        DiskFullError, OutputUnwritableError.
    """
    with atomic_path(path) as temporary:
        PillowImage.fromarray(image_HWC, "RGB").save(temporary, format="PNG")


def _decode(data: bytes, name: str, limits: MediaLimits) -> Image:
    with warnings.catch_warnings():
        warnings.simplefilter("error", PillowImage.DecompressionBombWarning)
        try:
            with PillowImage.open(io.BytesIO(data), formats=_FORMATS) as picture:
                _require_within(picture, name, limits)
                picture.load()
                upright = ImageOps.exif_transpose(picture)
                return np.array(_to_rgb(_to_srgb(upright)), np.uint8)
        except UnidentifiedImageError:
            raise _unidentified(data, name) from None
        except (PillowImage.DecompressionBombError, PillowImage.DecompressionBombWarning) as error:
            raise MediaTooLargeError(f"{name} unpacks to too many pixels.") from error
        except MemoryError as error:
            raise MediaTooLargeError(f"{name} does not fit into memory.") from error
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise CorruptMediaError(f"{name} cannot be decoded: {error}.") from error


def _unidentified(
    data: bytes, name: str
) -> NotMediaError | UnsupportedMediaError | CorruptMediaError:
    if data[:4] in {b"GIF8", b"II*\0", b"MM\0*"} or data[:2] == b"BM" or data[4:8] == b"ftyp":
        return UnsupportedMediaError(
            f"{name} is a picture of another kind.", hint="Save it as jpg, png or webp."
        )
    if data[:3] == b"\xff\xd8\xff" or data[:8] == b"\x89PNG\r\n\x1a\n":
        return CorruptMediaError(f"{name} cannot be decoded: its header is damaged.")
    return NotMediaError(f"{name} is not a picture.")


def _require_within(picture: PillowImage.Image, name: str, limits: MediaLimits) -> None:
    width, height = picture.size
    if width * height > limits.portrait_pixels or max(width, height) > limits.portrait_side:
        raise MediaTooLargeError(f"{name} has {width}x{height} pixels.")
    if min(width, height) < limits.portrait_min_side:
        raise MediaTooSmallError(f"{name} has only {width}x{height} pixels.")
    # Several pictures in a JPEG are a telephone's depth maps and previews: the first is it.
    if picture.format in {"PNG", "WEBP"} and getattr(picture, "n_frames", 1) > 1:
        raise UnsupportedMediaError(f"{name} is an animation.", hint="Save one picture of it.")


def _to_srgb(picture: PillowImage.Image) -> PillowImage.Image:
    """Colours as the picture's own profile means them; telephones save wider ones than sRGB."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in _PROFILED_MODES:
        return picture
    try:
        converted = ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGBA" if picture.mode == "RGBA" else "RGB",
        )
    except (ImageCms.PyCMSError, OSError):  # a damaged profile: the bare numbers will do
        return picture
    return converted if converted is not None else picture


def _to_rgb(picture: PillowImage.Image) -> PillowImage.Image:
    """Any mode to 8-bit RGB: palettes and CMYK converted, 16 bits scaled, alpha composited."""
    if picture.mode.startswith(("I", "F")):
        return _from_deep_grey(picture)
    if picture.has_transparency_data:
        opaque = PillowImage.new("RGBA", picture.size, (*_BACKGROUND_RGB, 255))
        return PillowImage.alpha_composite(opaque, picture.convert("RGBA")).convert("RGB")
    return picture.convert("RGB")


def _from_deep_grey(picture: PillowImage.Image) -> PillowImage.Image:
    """16-bit grey, which Pillow's own conversion would clip instead of scaling."""
    grey = np.clip(np.asarray(picture, np.float64) / 257.0, 0, 255)
    return PillowImage.fromarray(np.rint(grey).astype(np.uint8), "L").convert("RGB")
