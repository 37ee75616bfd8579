import hashlib

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms

from afgen.errors import (
    MediaTooLargeError,
    MediaTooSmallError,
    OutputUnwritableError,
    UnsupportedMediaError,
)
from afgen.media.images import load_portrait, save_png
from afgen.media.limits import MediaLimits


def gradient(width=40, height=30):
    """Red grows to the right, green downwards."""
    red = np.linspace(0, 255, width)[None].repeat(height, 0)
    green = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    return np.stack([red, green, np.full_like(red, 90)], axis=2).astype(np.uint8)


def test_a_portrait_keeps_its_pixels_and_origin(tmp_path):
    path = tmp_path / "me.png"
    save_png(gradient(), path)
    portrait = load_portrait(path)
    assert np.array_equal(portrait.image_HWC, gradient())
    assert portrait.name == "me"
    assert portrait.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_upright(tmp_path, orientation):
    path = tmp_path / "me.jpg"
    picture = PillowImage.fromarray(gradient())
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    turned = {
        1: picture,
        2: picture.transpose(PillowImage.Transpose.FLIP_LEFT_RIGHT),
        3: picture.transpose(PillowImage.Transpose.ROTATE_180),
        4: picture.transpose(PillowImage.Transpose.FLIP_TOP_BOTTOM),
        5: picture.transpose(PillowImage.Transpose.TRANSPOSE),
        6: picture.transpose(PillowImage.Transpose.ROTATE_90),
        7: picture.transpose(PillowImage.Transpose.TRANSVERSE),
        8: picture.transpose(PillowImage.Transpose.ROTATE_270),
    }[orientation]
    turned.save(path, exif=exif, quality=95)
    image_HWC = load_portrait(path).image_HWC
    assert image_HWC.shape == gradient().shape
    assert np.abs(image_HWC - gradient().astype(int)).mean() < 6


def test_transparency_shows_a_neutral_background(tmp_path):
    path = tmp_path / "me.webp"
    rgba = np.dstack([gradient(), np.zeros((30, 40), np.uint8)])
    rgba[:, 20:, 3] = 255
    PillowImage.fromarray(rgba).save(path, lossless=True)
    image_HWC = load_portrait(path).image_HWC
    assert (image_HWC[:, :20] == 128).all()
    assert np.array_equal(image_HWC[:, 20:], gradient()[:, 20:])


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("L", "grey.png"), ("LA", "grey_alpha.png"), ("P", "palette.png"), ("1", "two_tone.png"),
        ("CMYK", "print.jpg"), ("I;16", "deep.png"),
    ],
)  # fmt: skip
def test_every_kind_of_pixel_becomes_rgb(tmp_path, mode, name):
    path = tmp_path / name
    if mode == "I;16":
        deep = gradient()[:, :, 0].astype(np.uint16) * 257
        PillowImage.fromarray(deep).save(path)
    else:
        PillowImage.fromarray(gradient()).convert(mode).save(path)
    image_HWC = load_portrait(path).image_HWC
    assert image_HWC.shape == (30, 40, 3)
    assert image_HWC.dtype == np.uint8
    assert image_HWC[:, -8:].mean() > image_HWC[:, :8].mean() + 30


def test_pixels_and_bytes_are_capped(tmp_path):
    path = tmp_path / "me.png"
    save_png(gradient(), path)
    for limits in (
        MediaLimits(portrait_pixels=1199),
        MediaLimits(portrait_side=39),
        MediaLimits(portrait_bytes=50),
    ):
        with pytest.raises(MediaTooLargeError):
            load_portrait(path, limits)
    with pytest.raises(MediaTooSmallError):
        load_portrait(path, MediaLimits(portrait_min_side=31))


def test_a_telephone_picture_with_previews_is_its_first_picture(tmp_path):
    path = tmp_path / "me.jpg"
    PillowImage.fromarray(gradient()).save(
        path,
        format="MPO",
        save_all=True,
        append_images=[PillowImage.new("RGB", (8, 8))],
        quality=95,
    )
    assert np.abs(load_portrait(path).image_HWC - gradient().astype(int)).mean() < 6


def test_colours_follow_the_profile(tmp_path):
    path = tmp_path / "me.png"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for icc_profile in (profile, b"damaged"):
        PillowImage.fromarray(gradient()).save(path, icc_profile=icc_profile)
        image_HWC = load_portrait(path).image_HWC
        assert np.abs(image_HWC - gradient().astype(int)).max() <= 1
    swapped = profile.replace(b"rXYZ", b"....").replace(b"bXYZ", b"rXYZ").replace(b"....", b"bXYZ")
    PillowImage.fromarray(gradient()).save(path, icc_profile=swapped)
    image_HWC = load_portrait(path).image_HWC
    assert np.abs(image_HWC - gradient()[:, :, ::-1].astype(int)).mean() < 3


def test_an_animation_is_refused(tmp_path):
    path = tmp_path / "me.webp"
    frames = [PillowImage.fromarray(gradient()), PillowImage.fromarray(255 - gradient())]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    with pytest.raises(UnsupportedMediaError):
        load_portrait(path)


def test_a_picture_is_saved_whole_or_not_at_all(tmp_path):
    with pytest.raises(OutputUnwritableError):
        save_png(gradient(), tmp_path / "no" / "me.png")
    save_png(gradient(), tmp_path / "me.png")
    assert list(tmp_path.iterdir()) == [tmp_path / "me.png"]
