import pytest
import torch

from audiostory.models.seeding import seeded


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
