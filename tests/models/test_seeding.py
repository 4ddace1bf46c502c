import pytest
import torch

from audiostory.models.seeding import seeded, seeded_on


def draws(generator: torch.Generator) -> torch.Tensor:
    with seeded(generator):
        return torch.rand(3)


def test_draws_within_the_block_come_from_the_generator():
    generator = torch.Generator().manual_seed(5)
    assert torch.equal(draws(generator), torch.rand(3, generator=generator.manual_seed(5)))


def test_the_generator_moves_on():
    generator = torch.Generator().manual_seed(5)
    assert not torch.equal(draws(generator), draws(generator))


def test_the_global_state_is_left_alone_even_after_an_error():
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError), seeded(torch.Generator()):
        torch.rand(3).view(2)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_on_a_device_draws_follow_from_the_generator_and_leave_no_trace(device):
    def drawn(seed: int) -> torch.Tensor:
        with seeded_on(torch.device(device), torch.Generator().manual_seed(seed)):
            return torch.rand(3, device=device)

    before = torch.get_rng_state()
    assert torch.equal(drawn(5), drawn(5))
    assert not torch.equal(drawn(5), drawn(6))
    assert torch.equal(torch.get_rng_state(), before)
