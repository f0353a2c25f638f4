"""The losses of a first stage, its codebook's idle codes, and gradients through quantization."""

import math

import pytest
import torch
import torch.nn.functional as F
from first_stage_task import HERE, TINY, Shapes, adversarial, batches, settings, train

from photonvs.models import build_first_stage
from photonvs.models.discriminator import generator_loss
from photonvs.training import first_stage
from photonvs.training.first_stage import FirstStageTask
from photonvs.training.first_stage_losses import (
    Autoencoding,
    CodeRestarts,
    adaptive_weight,
    codebook_loss,
    perplexity,
)


@pytest.fixture(autouse=True)
def shapes(monkeypatch):
    monkeypatch.setattr(first_stage, "training_frames", lambda *_, **__: Shapes())


def test_gradients_pass_quantization_unchanged():
    first_stage = build_first_stage(TINY).double()
    torch.nn.init.normal_(first_stage.quantize.embedding.weight)
    images = torch.rand(2, 3, 32, 32, dtype=torch.float64) * 2 - 1
    reconstructions, latents, quantized, codes = Autoencoding(first_stage)(images)
    assert torch.equal(codes, first_stage.quantize.indices(latents))
    torch.testing.assert_close(reconstructions, first_stage.decode(latents), rtol=1e-9, atol=1e-9)
    weights = torch.randn_like(reconstructions)
    (found,) = torch.autograd.grad((weights * reconstructions).sum(), latents, retain_graph=True)
    codes = quantized.detach().requires_grad_()
    (weights * first_stage.decoder(first_stage.post_quant_conv(codes))).sum().backward()
    torch.testing.assert_close(found, codes.grad, rtol=1e-9, atol=1e-9)
    (weights * reconstructions).sum().backward()
    assert first_stage.encoder.conv_in.weight.grad.any()
    assert first_stage.quantize.embedding.weight.grad is None, (
        "codes learn from the codebook loss alone"
    )


def test_codebook_loss():
    latents = torch.tensor([1.0, 2.0, 4.0], requires_grad=True)
    quantized = torch.tensor([1.0, 1.0, 2.0], requires_grad=True)
    loss = codebook_loss(latents, quantized, 0.25)
    torch.testing.assert_close(loss, torch.tensor(1.25 * 5 / 3))
    loss.backward()
    difference = torch.tensor([0.0, 1.0, 2.0])
    torch.testing.assert_close(quantized.grad, -2 * difference / 3)
    torch.testing.assert_close(latents.grad, 0.25 * 2 * difference / 3)


def test_adaptive_weight_balances_the_gradients():
    layer = torch.tensor([3.0, -1.0], requires_grad=True)
    weight = adaptive_weight((layer * torch.tensor([3.0, 4.0])).sum(), layer[0] * 2, layer)
    torch.testing.assert_close(weight, torch.tensor(5 / (2 + 1e-4)))
    assert not weight.requires_grad and layer.grad is None
    torch.testing.assert_close(
        adaptive_weight(layer.sum() * 100, layer.sum() * 0, layer), torch.tensor(1e4)
    )


def test_perplexity():
    torch.testing.assert_close(perplexity(torch.tensor([5, 5, 5, 5])), torch.tensor(4.0))
    torch.testing.assert_close(perplexity(torch.tensor([0, 7, 0])), torch.tensor(1.0))
    expected = math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    torch.testing.assert_close(perplexity(torch.tensor([3, 1, 0])), torch.tensor(expected))


def test_idle_codes_are_placed_at_latents():
    codebook = torch.nn.Embedding(4, 2)
    before = codebook.weight.detach().clone()
    latents = torch.arange(12.0).reshape(6, 2) + 100
    restarts = CodeRestarts(codebook, after=2, seed=5, process=HERE)
    assert restarts.update(torch.tensor([3, 0, 3, 0]), latents, step=0) == 2, (
        "the first step places unused codes at once"
    )
    assert torch.equal(codebook.weight[[0, 2]], before[[0, 2]])
    assert all((code == latents).all(1).any() for code in codebook.weight[[1, 3]])
    assert not torch.equal(codebook.weight[1], codebook.weight[3])
    placed = codebook.weight.detach().clone()
    uses = [
        torch.tensor([1, 1, 0, 0]),
        torch.tensor([1, 1, 0, 0]),
        torch.tensor([1, 1, 0, 1]),
        torch.tensor([1, 1, 1, 1]),
    ]
    assert [
        restarts.update(counts, latents + step, step) for step, counts in enumerate(uses, start=1)
    ] == [0, 0, 1, 0]
    assert torch.equal(codebook.weight[[0, 1, 3]], placed[[0, 1, 3]])
    assert (codebook.weight[2] == latents + 3).all(1).any()
    few = CodeRestarts(codebook, after=1, seed=5, process=HERE)
    assert few.update(torch.zeros(4), latents[:3], 0) == 3, (
        "no more than there are latents; the rest a step later"
    )
    assert few.update(torch.tensor([1, 1, 1, 0]), latents[:3], 1) == 1
    never = CodeRestarts(codebook, after=0, seed=5, process=HERE)
    assert never.update(torch.zeros(4), latents, 0) == 0


def test_the_losses_add_up():
    """One step's scalars from the formulas, on the weights before the step."""
    task = FirstStageTask(
        adversarial(discriminator_start=0, commitment=0.5, codebook_weight=0.3), HERE
    )
    batch = batches(task, 0)[0]
    images = batch["image"].float() / 127.5 - 1
    made, latents, quantized, _ = Autoencoding(task.first_stage)(images)
    error = (images - made).abs().mean()
    judged = generator_loss(task.discriminator(made))
    norms = [
        torch.autograd.grad(loss, task.first_stage.decoder.conv_out.weight, retain_graph=True)[0]
        for loss in (error, judged)
    ]
    weight = norms[0].norm() / (norms[1].norm() + 1e-4)
    codes = 1.5 * (latents - quantized).square().mean()
    real, fake = task.discriminator(images), task.discriminator(made)
    expected = {
        "absolute_error": error,
        "generator": judged,
        "adaptive_weight": weight,
        "codebook": codes,
        "loss": error + 0.8 * weight * judged + 0.3 * codes,
        "discriminator": (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2,
    }
    scalars = task.update([batch], 0)
    for name, value in expected.items():
        torch.testing.assert_close(
            scalars[name],
            value.detach(),
            rtol=1e-4,
            atol=1e-6,
            msg=lambda text, name=name: f"{name}: {text}",
        )


def test_perceptual_distance_enters_the_loss(monkeypatch):
    monkeypatch.setattr(
        first_stage, "load_perceptual", lambda *_: lambda x, y: torch.full((len(x),), 2.0)
    )
    task = FirstStageTask(settings(perceptual="lpips", perceptual_weight=1.5), HERE)
    scalars = task.update(batches(task, 0), 0)
    torch.testing.assert_close(scalars["perceptual"], torch.tensor(2.0))
    torch.testing.assert_close(scalars["loss"], scalars["absolute_error"] + scalars["codebook"] + 3)


def test_the_discriminator_starts_in_time():
    task = FirstStageTask(adversarial(), HERE)
    before = {name: item.clone() for name, item in task.discriminator.state_dict().items()}
    for scalars in train(task, 0, 2):
        assert scalars["discriminator"].isnan() and scalars["adaptive_weight"].isnan()
    assert all(
        torch.equal(item, before[name]) for name, item in task.discriminator.state_dict().items()
    )
    (scalars,) = train(task, 2, 3)
    assert scalars["discriminator"] > 0 and scalars["adaptive_weight"] > 0
    moved = {
        name
        for name, item in task.discriminator.named_parameters()
        if not torch.equal(item, before[name])
    }
    names = {name for name, _ in task.discriminator.named_parameters()}
    assert names - moved <= {"main.8.bias"}, (
        "where no judgement is beyond 1, the last bias has no gradient"
    )


def test_the_autoencoders_step_leaves_the_discriminators_gradients_alone():
    task = FirstStageTask(adversarial(discriminator_start=0), HERE)
    images = torch.rand(2, 3, 32, 32)
    task._losses(images, *Autoencoding(task.first_stage)(images)[:3], adversarial=True)[
        "loss"
    ].backward()
    assert all(parameter.grad is None for parameter in task.discriminator.parameters())
