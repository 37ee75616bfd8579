"""The compiled rasteriser against a plain one, written for clarity."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from afgen.autoencoder.mesh.raster import BAND_ROWS, Light, Texture, draw_mesh

SIDE, PAD = 30, 4


def texture(rng: np.random.Generator, oversampling: int = 2) -> Texture:
    side = (SIDE + 2 * PAD) * oversampling
    coarse = rng.integers(0, 256, (side // 8 + 2, side // 8 + 2, 4))
    image = np.repeat(np.repeat(coarse, 8, 0), 8, 1)[:side, :side].astype(np.uint8)
    shade = rng.integers(-60, 60, (side, side)).astype(np.int8)
    return Texture(image, shade, PAD, oversampling)


def grid(rng: np.random.Generator, points: int = 5, shake: float = 2.0, side: int = SIDE):
    axis = np.linspace(3, side - 4, points)
    rest_V2 = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    numbers = np.arange(points * points).reshape(points, points)
    a, b, c, d = numbers[:-1, :-1], numbers[:-1, 1:], numbers[1:, :-1], numbers[1:, 1:]
    triangles = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)]
    )
    moved_V3 = np.column_stack([rest_V2, np.zeros(len(rest_V2))])
    moved_V3 += rng.normal(0, shake, moved_V3.shape)
    return rest_V2, moved_V3.astype(np.float32), triangles.astype(np.int32)


def sample(image, u, v):
    """Bilinear, in floating point."""
    u, v = np.clip(u, 0, image.shape[1] - 1.001), np.clip(v, 0, image.shape[0] - 1.001)
    x, y = int(u), int(v)
    p, q = u - x, v - y
    top = image[y, x] * (1 - p) + image[y, x + 1] * p
    low = image[y + 1, x] * (1 - p) + image[y + 1, x + 1] * p
    return top * (1 - q) + low * q


def plain(out, vertices, texels, triangles, image):
    """Front-most triangle at each pixel, by barycentric coordinates; returns picture and places."""
    shown = out.astype(float)
    place = np.full((*out.shape[:2], 2), np.nan)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            nearest = np.inf
            for a, b, c in triangles:
                corners = vertices[[a, b, c]].astype(float)
                system = np.vstack([corners[:, :2].T, np.ones(3)])
                if abs(np.linalg.det(system)) < 1e-6:
                    continue
                weights = np.linalg.solve(system, [x, y, 1.0])
                depth = float(weights @ corners[:, 2])
                if weights.min() >= 0 and depth < nearest:
                    nearest = depth
                    place[y, x] = weights @ texels[[a, b, c]]
            if np.isfinite(nearest):
                *colour, alpha = sample(image.astype(float), *place[y, x])
                shown[y, x] += alpha / 255 * (np.array(colour) - shown[y, x])
    return shown, place


@pytest.mark.parametrize("seed", range(3))
def test_it_draws_what_the_plain_rasteriser_draws(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rest, moved, triangles = grid(rng)
    look = texture(rng)
    out = np.full((SIDE, SIDE, 3), 77, np.uint8)
    truth, place = plain(out, moved, look.texels(rest), triangles, look.image_SSA)
    draw_mesh(out, moved, look.texels(rest), triangles, look)
    steps = [np.abs(np.diff(place, axis=axis)).max(-1) for axis in (0, 1)]
    smooth = np.ones((SIDE, SIDE), bool)  # away from folds, which are drawn softly
    for axis, step in enumerate(steps):
        rough = ~(step < 5.0) & ~np.isnan(step)
        for shift in ((1, 0), (0, 1)):
            smooth &= ~np.pad(rough, [shift if a == axis else (0, 0) for a in (0, 1)])
    covered = ~np.isnan(place[..., 0])
    assert (smooth & covered).sum() > 200
    error = np.abs(out - truth).max(2)
    assert np.percentile(error[smooth & covered], 99) <= 2.5  # edges may go to either triangle
    assert np.all(out[~covered] == 77) or (out[~covered] != 77).mean() < 0.01


def test_a_mesh_at_rest_shows_its_texture_exactly() -> None:
    rng = np.random.default_rng(5)
    rest, still, triangles = grid(rng, shake=0.0)
    look = texture(rng)
    look.image_SSA[..., 3] = 255
    out = np.zeros((SIDE, SIDE, 3), np.uint8)
    draw_mesh(out, still, look.texels(rest), triangles, look)
    truth = look.image_SSA[PAD * 2 : -PAD * 2 : 2, PAD * 2 : -PAD * 2 : 2, :3]
    assert np.array_equal(out[4:-5, 4:-5], truth[4:-5, 4:-5])


def test_the_nearer_triangle_wins_whatever_the_order() -> None:
    corners = np.array([[2, 2], [28, 2], [2, 28]], np.float32)
    near, far = np.full((3, 1), 1.0), np.full((3, 1), 2.0)
    vertices = np.concatenate([np.hstack([corners, far]), np.hstack([corners, near])])
    look = texture(np.random.default_rng(1))
    look.image_SSA[:38] = (255, 0, 0, 255)
    look.image_SSA[38:] = (0, 255, 0, 255)
    texels = np.array([[10, 10]] * 3 + [[10, 60]] * 3, np.float32)
    for order in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        out = np.zeros((SIDE, SIDE, 3), np.uint8)
        triangles = np.array(order, np.int32)
        draw_mesh(out, vertices.astype(np.float32), texels, triangles, look)
        assert tuple(out[8, 8]) == (0, 255, 0)


def test_threads_do_not_change_a_byte() -> None:
    rng = np.random.default_rng(3)
    side = 3 * BAND_ROWS + 5
    rest, moved, triangles = grid(rng, points=12, shake=5.0, side=side)
    look = Texture(
        rng.integers(0, 256, (2 * side, 2 * side, 4), dtype=np.uint8),
        rng.integers(-90, 90, (2 * side, 2 * side)).astype(np.int8),
        0,
        2,
    )
    pictures = []
    with ThreadPoolExecutor(1) as pool:
        for helper in (None, pool):
            out = np.full((side, side, 3), 50, np.uint8)
            draw_mesh(out, moved, look.texels(rest), triangles, look, Light(0.7, 0.2, 60.0), helper)
            pictures.append(out.tobytes())
    assert pictures[0] == pictures[1]


def test_shade_darkens_its_side_only() -> None:
    rng = np.random.default_rng(4)
    rest, still, triangles = grid(rng, shake=0.0)
    side = (SIDE + 2 * PAD) * 2
    grey = np.full((side, side, 4), (100, 100, 100, 255), np.uint8)
    look = Texture(grey, np.full((side, side), -64, np.int8), PAD, 2)
    out = np.zeros((SIDE, SIDE, 3), np.uint8)
    draw_mesh(out, still, look.texels(rest), triangles, look, Light(1.0, 0.0, side / 2))
    assert tuple(out[20, 8]) == (60, 50, 50)
    assert tuple(out[20, 22]) == (100, 100, 100)


def test_a_mesh_beyond_the_picture_is_cut_off() -> None:
    rng = np.random.default_rng(6)
    rest, moved, triangles = grid(rng)
    look = texture(rng)
    for shift in ((-100, 0), (0, 100), (30, -30)):
        out = np.zeros((SIDE, SIDE, 3), np.uint8)
        elsewhere = moved + np.array([*shift, 0], np.float32)
        draw_mesh(out, elsewhere, look.texels(rest), triangles, look)
        assert (out.any() > 0) == (max(abs(s) for s in shift) < SIDE)
