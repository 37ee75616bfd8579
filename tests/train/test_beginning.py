import torch
from torch import nn

from afgen.train.autoencoder import draw, heard_pairs, held_out_batch, psnr_db
from afgen.train.beginning import LearnedBasis, hear_motion, untrained_network
from tests.train.mouths import Mouths, tiny_recipe


def test_an_untrained_network_draws_its_source_whatever_the_target() -> None:
    torch.manual_seed(0)
    seen = held_out_batch(Mouths(2), 6, "cpu")
    with torch.no_grad():
        drawn_BCHW = draw(untrained_network(tiny_recipe().model), seen)
    inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    assert (drawn_BCHW - seen.source_BCHW).abs()[inner].mean() < 0.03
    assert psnr_db(drawn_BCHW[inner], seen.source_BCHW[inner]) > 25


def test_the_learned_basis_is_orthonormal_wherever_a_step_has_put_it() -> None:
    torch.manual_seed(1)
    basis = LearnedBasis(12, 4)
    with torch.no_grad():
        basis.vectors += torch.randn(12, 4)
    coefficients_BK = torch.randn(5, 4)
    norms = basis(coefficients_BK).norm(dim=1)
    torch.testing.assert_close(norms, coefficients_BK.norm(dim=1))


def test_coefficients_tell_frames_apart_before_anything_is_learned() -> None:
    torch.manual_seed(2)
    network = untrained_network(tiny_recipe().model)
    faces = Mouths(2, sway=0.05)
    targets_BCHW = held_out_batch(faces, 12, "cpu").target_BCHW
    with torch.no_grad():
        deaf_BK = network.encoder.coefficients(network.encoder(targets_BCHW).latent_BD)
        hear_motion(network, heard_pairs(tiny_recipe(), faces, "cpu"), 0.3)
        heard_BK = network.encoder.coefficients(network.encoder(targets_BCHW).latent_BD)
    own = torch.arange(12) % 2 == 0  # frames of the first clip
    assert heard_BK[own].std(0).min() > 0.05
    assert heard_BK[own].std(0).mean() > 3 * deaf_BK[own].std(0).mean()
    assert heard_BK.abs().max() < 3


def test_what_all_pictures_share_is_not_amplified() -> None:
    torch.manual_seed(3)
    network = untrained_network(tiny_recipe().model)
    faces = Mouths(2, sway=0.05)
    hear_motion(network, heard_pairs(tiny_recipe(), faces, "cpu"), 1.0)
    targets_BCHW = held_out_batch(faces, 12, "cpu").target_BCHW
    with torch.no_grad():
        latent_BD = network.encoder(targets_BCHW).latent_BD
        for block in network.encoder.blocks:
            block.register_forward_hook(lambda module, given, out: 1.1 * out)
        louder_BD = network.encoder(targets_BCHW).latent_BD
    assert latent_BD.mean(0).norm() < latent_BD.std(0).norm()
    assert (louder_BD - latent_BD).norm(dim=1).max() < latent_BD.norm(dim=1).max()


def test_hidden_layers_of_the_motion_head_begin_as_rotations() -> None:
    torch.manual_seed(4)
    network = untrained_network(tiny_recipe().model)
    latent_BD = torch.randn(5, 8)
    with torch.no_grad():
        turned_BD = nn.Sequential(*list(network.encoder.to_motion)[:-1])(latent_BD)
    torch.testing.assert_close(turned_BD.norm(dim=1), latent_BD.norm(dim=1))
