"""The public layouts, and the vectors of the reference implementation, on rule-made weights."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from afgen.autoencoder.lia.config import LiaConfig
from afgen.autoencoder.lia.folded import FoldedLia
from afgen.autoencoder.lia.network import LiaNetwork
from afgen.autoencoder.lia.released import from_released, layout
from afgen.checkpoint import fill
from afgen.errors import WeightsMismatchError
from tests.rule_made import (
    AUTOENCODER,
    autoencoder_buffers,
    autoencoder_layout,
    autoencoder_weights,
    by_rule,
    given,
)
from tests.shared import SHARED, needs_golden

pytestmark = pytest.mark.slow

SIZES = (64, 128, 256, 512)


def empty(size: int) -> dict[str, Tensor]:
    """The layout with its filter taps, without allocating its weights."""
    named = {
        name: torch.empty(shape, device="meta") for name, shape in autoencoder_layout(size).items()
    }
    return named | autoencoder_buffers(size)


@cache
def network() -> LiaNetwork:
    config, weights = from_released(autoencoder_weights(64))
    made = LiaNetwork(config).eval()
    fill(made, weights)
    return made


@cache
def golden() -> dict[str, Tensor]:
    return load_file(SHARED / "golden" / "autoencoder_64.safetensors")


def image() -> Tensor:
    return given("image", 2, 3, 64, 64).clamp(-1, 1)


@cache
def forms() -> tuple[LiaNetwork, FoldedLia]:
    return network(), FoldedLia(network())


@needs_golden
@pytest.mark.parametrize("form", [0, 1], ids=["plain", "folded"])
def test_encoder_vectors(form: int) -> None:
    with torch.inference_mode():
        source = forms()[form].source(image())
        motion = forms()[form].motion(image())
    expected = golden()
    for found, name in (
        (source.latent_BD, "ae.latent"),
        (source.coefficients_BK, "ae.coefficients"),
        (source.motion_BD, "ae.motion"),
        (motion, "ae.motion"),
    ):
        torch.testing.assert_close(found, expected[name], atol=1e-4, rtol=0)


@needs_golden
@pytest.mark.parametrize("form", [0, 1], ids=["plain", "folded"])
def test_decoder_vectors(form: int) -> None:
    """The mean within 1e-4, and all but 3 % of the numbers; the worst within 1e-3.

    White-noise feature maps are warped here, so rounding is amplified: the 4e-6 by which the
    vector's latents differ from ours are 6e-4 in a few pixels, and the network evaluated in
    float64 is as far from the vector as it is in float32.
    """
    expected, made = golden(), forms()[form]
    with torch.inference_mode():
        picture = made.decode(made.source(image()[:1]), made.motion(image()))
    error = (picture - expected["ae.rgb"]).abs()
    assert error.mean() < 2e-5
    assert (error > 1e-4).float().mean() < 0.03
    assert error.max() < 1e-3
    for found, name in ((picture.mean((2, 3)), "ae.rgb_mean"), (picture.std((2, 3)), "ae.rgb_std")):
        torch.testing.assert_close(found, expected[name], atol=1e-4, rtol=0)


@needs_golden
@pytest.mark.parametrize("form", [0, 1], ids=["plain", "folded"])
def test_decoder_vectors_from_the_latents_of_the_vectors(form: int) -> None:
    """Without the encoder's rounding the worst is nearer; only the feature maps are still ours."""
    expected, made = golden(), forms()[form]
    with torch.inference_mode():
        source = replace(made.source(image()[:1]), latent_BD=expected["ae.latent"][:1])
        picture = made.decode(source, expected["ae.motion"])
    error = (picture - expected["ae.rgb"]).abs()
    assert error.mean() < 1e-5
    assert (error > 1e-4).float().mean() < 5e-3
    assert error.max() < 5e-4


@pytest.mark.parametrize("size", SIZES)
def test_every_size_has_our_names_and_shapes(size: int) -> None:
    config, weights = from_released(empty(size))
    assert config == LiaConfig(size=size)
    with torch.device("meta"):
        own = LiaNetwork(config).state_dict()
    assert {name: tensor.shape for name, tensor in weights.items()} == {
        name: tensor.shape for name, tensor in own.items()
    }


@needs_golden
def test_the_whole_listing_of_the_public_checkpoint_is_known() -> None:
    listed: dict[str, tuple[int, ...]] = {}
    for line in (SHARED / "golden" / "public_checkpoint_keys.txt").read_text().splitlines():
        name, _, shape = line.strip().partition(" (")
        if name.startswith(AUTOENCODER) and not name.endswith(".kernel"):
            listed[name] = tuple(int(part) for part in shape.rstrip(",)").split(","))
    assert {AUTOENCODER + entry.theirs: entry.shape for entry in layout(LiaConfig())} == listed
    assert sum(torch.Size(shape).numel() for shape in listed.values()) == pytest.approx(
        45.240e6, abs=1e3
    )


def test_the_layout_of_lia_at_256_pixels_has_as_many_entries_and_numbers_as_listed() -> None:
    shapes = [entry.shape for entry in layout(LiaConfig(size=256))]
    taps = autoencoder_buffers(256)
    assert len(shapes) + len(taps) == 185
    assert sum(torch.Size(shape).numel() for shape in shapes) == pytest.approx(45.116e6, abs=1e3)


def test_other_members_of_the_family() -> None:
    weights = empty(64)
    bare = {name.removeprefix(AUTOENCODER): tensor for name, tensor in weights.items()}
    assert from_released(bare, prefix="")[0] == LiaConfig(size=64)
    whole = {**weights, "fmt.pos_embed": torch.zeros(1)}
    with pytest.raises(WeightsMismatchError, match=r"unexpected 'fmt\.pos_embed'"):
        from_released(whole)


def test_narrower_networks_are_recognised() -> None:
    wanted = LiaConfig(size=128, latent_dim=48, directions=6, max_channels=40)
    named = {e.theirs: torch.empty(e.shape, device="meta") for e in layout(wanted)}
    assert from_released(named, prefix="")[0] == wanted


@pytest.mark.parametrize(
    ("name", "tensor", "told"),
    [
        ("enc.fc.4.bias", None, "lacks 'motion_autoencoder.enc.fc.4.bias'"),
        ("enc.net_app.convs.0.0.weight", None, "lacks .*convs.0.0.weight"),
        ("dec.surprise", torch.zeros(1), "unexpected 'motion_autoencoder.dec.surprise'"),
        ("dec.conv1.noise.weight", torch.zeros(2), r"noise.weight' \(2,\) instead of \(1,\)"),
        ("enc.fc.0.weight", torch.zeros(512, 500), r"fc.0.weight' \(512, 500\) instead"),
        ("dec.to_rgbs.0.upsample.kernel", torch.ones(4, 4), "filters otherwise"),
    ],
)
def test_what_does_not_belong_is_named(name: str, tensor: Tensor | None, told: str) -> None:
    weights = empty(64)
    if tensor is None:
        del weights[AUTOENCODER + name]
    else:
        weights[AUTOENCODER + name] = tensor
    with pytest.raises(WeightsMismatchError, match=told):
        from_released(weights)


@pytest.mark.parametrize("kept", [40, 90])
def test_of_a_checkpoint_cut_short_all_that_is_missing_is_counted(kept: int) -> None:
    weights = dict(list(empty(64).items())[:kept])
    with pytest.raises(WeightsMismatchError, match=r"lacks 'motion_auto.* and \d+ more$"):
        from_released(weights)


def test_the_stored_directions_are_orthonormal_and_those_of_the_reference() -> None:
    name = AUTOENCODER + "dec.direction.weight"
    free = by_rule({name: (512, 20)})
    vectors = from_released(empty(64) | free)[1]["basis.vectors"]
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(20), atol=1e-5, rtol=0)
    upper = vectors.T @ free[name]
    torch.testing.assert_close(upper.tril(-1), torch.zeros(20, 20), atol=1e-4, rtol=0)
