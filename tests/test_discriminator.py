"""The patch discriminator: its shape, the published one's outputs, hinge losses."""

import pytest
import torch

from photonvs.models.discriminator import (
    PatchDiscriminator,
    discriminator_loss,
    generator_loss,
    patches,
)


@pytest.mark.parametrize(("channels", "layers", "size"), [(8, 3, 64), (16, 2, 32), (4, 5, 128)])
def test_it_is_that_of_taming_transformers(channels, layers, size):
    model = pytest.importorskip(
        "taming.modules.discriminator.model", reason="taming-transformers is not installed"
    )
    theirs = model.NLayerDiscriminator(input_nc=3, ndf=channels, n_layers=layers)
    ours = PatchDiscriminator(channels, layers)
    ours.load_state_dict(theirs.state_dict())  # the same names
    images = torch.randn(3, 3, size, size)
    torch.testing.assert_close(ours(images), theirs(images), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours.eval()(images), theirs.eval()(images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "layers"), [(256, 3), (32, 3), (24, 3), (44, 3), (64, 2), (12, 2), (16, 1)]
)
def test_patches_counts_the_judgements(size, layers):
    count = patches(size, layers)
    assert PatchDiscriminator(2, layers)(torch.zeros(2, 3, size, size)).shape == (
        2,
        1,
        count,
        count,
    )


def test_too_small_images_have_no_patch():
    assert patches(16, 3) == 0
    with pytest.raises(RuntimeError):
        PatchDiscriminator(2, 3)(torch.zeros(2, 3, 16, 16))


def test_a_judgement_sees_its_patch_only():
    """A patch of three layers is 70 wide: 1 + 3 + 3, then 2 x + 2 for each stride of 2."""
    judge = PatchDiscriminator(2, 3).eval()
    image = torch.randn(1, 3, 256, 256, requires_grad=True)
    judge(image)[0, 0, 15, 15].backward()
    seen = image.grad.abs().sum(dim=(0, 1)).nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [70, 70]


def test_initial_weights():
    judge = PatchDiscriminator(64, 3)
    assert judge.main[8].weight.std().item() == pytest.approx(0.02, rel=0.01)
    assert judge.main[9].weight.mean().item() == pytest.approx(1, abs=0.005)
    assert judge.main[9].bias.abs().max() == 0


def test_hinge_losses():
    real, made = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-3.0, 0.0, 1.0])
    # real: 0, 0.5, 2; reconstructed: 0, 1, 2
    torch.testing.assert_close(discriminator_loss(real, made), torch.tensor((2.5 / 3 + 3 / 3) / 2))
    assert discriminator_loss(torch.full((4,), 1.0), torch.full((4,), -1.0)) == 0
    torch.testing.assert_close(generator_loss(made), torch.tensor(2 / 3))
