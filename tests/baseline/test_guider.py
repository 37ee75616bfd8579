"""The memory banks against closed forms, and what each voice reaches."""

from dataclasses import replace

import torch

from afgen.baseline.guider import MemoryBank, Voices
from tests.baseline.small import CONFIG, small_model, voices

WIDTH = 4


def plain_bank(slots_NE: torch.Tensor) -> MemoryBank:
    """One head whose keys, values and queries are the embeddings themselves."""
    bank = MemoryBank(len(slots_NE), WIDTH, heads=1)
    identity = torch.eye(WIDTH)
    with torch.no_grad():
        bank.slots_NE.copy_(slots_NE)
        for layer, weight in (
            (bank.attention.q, identity),
            (bank.attention.kv, torch.cat((identity, identity))),
            (bank.attention.proj, identity),
        ):
            layer.weight.copy_(weight)
            layer.bias.zero_()
    return bank


def test_a_query_gets_the_softmax_mixture_of_the_slots() -> None:
    one, other = torch.tensor([1.0, 0, 0, 0]), torch.tensor([0, 1.0, 0, 0])
    query = torch.tensor([3.0, 1.0, 0.5, -2.0])
    with torch.no_grad():
        found = plain_bank(torch.stack((one, other)))(query[None, None])[0, 0]
    share = torch.sigmoid((query @ one - query @ other) / WIDTH**0.5)
    torch.testing.assert_close(found, share * one + (1 - share) * other)


def test_a_query_far_out_along_a_slot_gets_that_slot() -> None:
    slots_NE = torch.eye(WIDTH)
    with torch.no_grad():
        found_BTE = plain_bank(slots_NE)(100 * slots_NE[None])
    torch.testing.assert_close(found_BTE[0], slots_NE)


def test_who_asks_with_nothing_gets_the_mean_of_all() -> None:
    slots_NE = torch.randn(7, WIDTH, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        found_BTE = plain_bank(slots_NE)(torch.zeros(3, 2, WIDTH))
    torch.testing.assert_close(found_BTE, slots_NE.mean(dim=0).expand(3, 2, -1))


def heard(given: Voices) -> torch.Tensor:
    with torch.inference_mode():
        return small_model().guider(given)


def test_frames_do_not_see_each_other_here() -> None:
    given, other = voices(), voices(seed=1)
    mixed = replace(
        given,
        user_audio_BTA=torch.cat((given.user_audio_BTA[:, :9], other.user_audio_BTA[:, 9:]), dim=1),
    )
    changed_T = (heard(given) - heard(mixed)).abs().amax(dim=(0, 2)) > 1e-6
    assert changed_T.tolist() == [False] * 9 + [True] * (CONFIG.fed_frames - 9)


def test_who_is_absent_is_not_heard() -> None:
    given, other = voices(), voices(seed=1)
    alone = torch.tensor([[1.0, 0.0]]).expand(2, 2)
    both = [
        heard(Voices(given.avatar_audio_BTA, user, alone))
        for user in (given.user_audio_BTA, other.user_audio_BTA)
    ]
    assert torch.equal(*both)
    assert not torch.equal(both[0], heard(given))


def test_rows_for_guidance_lie_side_by_side() -> None:
    copies = voices().for_guidance(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    assert copies.present_B2.tolist() == 2 * [[0, 0], [1, 0], [0, 1]]
    assert torch.equal(copies.user_audio_BTA[4], voices().user_audio_BTA[1])
