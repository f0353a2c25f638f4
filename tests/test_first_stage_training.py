"""Training the first stage.

Losses in closed form, a tiny autoencoder that learns, stopping and going on, weights for users.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch.utils.data import default_collate

from photonvs import config
from photonvs.commands import train_first_stage
from photonvs.config import (
    Config,
    DataConfig,
    FirstStageConfig,
    FirstStageTrainingConfig,
    TrainingConfig,
    load_config,
)
from photonvs.models import build_first_stage, load_first_stage
from photonvs.models.discriminator import PatchDiscriminator, generator_loss
from photonvs.training import first_stage, first_stage_inputs
from photonvs.training.first_stage import FirstStageTask
from photonvs.training.first_stage_losses import (
    Autoencoding,
    CodeRestarts,
    adaptive_weight,
    codebook_loss,
    perplexity,
)
from photonvs.utils.checkpoint import read_checkpoint
from photonvs.utils.distributed import Process

TINY = FirstStageConfig(
    image_size=32,
    channels=32,
    channel_multipliers=[1, 1],
    residual_blocks=1,
    latent_channels=3,
    codebook_size=64,
)
HERE = Process(torch.device("cpu"))
FRAMES = first_stage.training_frames


class Shapes:
    """Frames made of nothing but their number: a coloured disc on a coloured slope.

    Stands for a FrameDataset.
    """

    title = "4 shapes"

    def __len__(self) -> int:
        return 4

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        source = np.random.default_rng(number)
        y, x = np.mgrid[:32, :32] / 32
        centre, colours = source.uniform(0.2, 0.8, 2), source.uniform(0, 255, (3, 3))
        disc = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 < 0.05
        image = np.where(
            disc,
            colours[0, :, None, None],
            x * colours[1, :, None, None] + (1 - x) * colours[2, :, None, None],
        )
        place = {"sequence": torch.tensor(number), "frame": torch.tensor(0)}
        return {"image": torch.from_numpy(image.astype(np.uint8)), **place}

    def name(self, number: int, *frames: int) -> str:
        return f"shape {number}"


@pytest.fixture(autouse=True)
def shapes(monkeypatch):
    monkeypatch.setattr(first_stage, "training_frames", lambda *_, **__: Shapes())


def settings(**changes: object) -> Config:
    """Settings of a tiny training without a discriminator; changes: of first_stage_training."""
    plain = {
        "perceptual": "none",
        "discriminator_weight": 0.0,
        "learning_rate_per_image": 2e-4,
        "restart_after": 20,
    }
    own = FirstStageTrainingConfig(**(plain | {"validation_frames": 4} | changes))
    training = TrainingConfig(batch_size=4, warmup_steps=1, ema_decay=0.9)
    return Config(first_stage=TINY, training=training, first_stage_training=own)


def adversarial(**changes: object) -> Config:
    small = {
        "discriminator_weight": 0.8,
        "discriminator_start": 2,
        "discriminator_channels": 4,
        "discriminator_layers": 2,
    }
    return settings(**(small | changes))


def batches(task: FirstStageTask, step: int, parts: int = 1) -> list[dict[str, torch.Tensor]]:
    """The batches of a step, as the trainer makes them."""
    size = task.config.training.batch_size
    samples = [task.dataset[(step * size + number) % 4] for number in range(size)]
    return [
        default_collate(samples[part * size // parts : (part + 1) * size // parts])
        for part in range(parts)
    ]


def train(task: FirstStageTask, first: int, stop: int) -> list[dict[str, torch.Tensor]]:
    return [task.update(batches(task, step), step) for step in range(first, stop)]


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


def test_parts_of_a_batch_make_the_whole():
    """Without the discriminator (its batch normalization sees the parts) accumulation changes
    rounding only.
    """
    whole, parts = (FirstStageTask(settings(), HERE) for _ in range(2))
    parts.config.training.accumulation = 4
    scalars = [
        whole.update(batches(whole, 0), 0),
        parts.update(batches(parts, 0, parts=4), 0),
    ]
    torch.testing.assert_close(*scalars, rtol=1e-4, atol=1e-6, equal_nan=True)
    pairs = zip(whole.first_stage.parameters(), parts.first_stage.parameters(), strict=True)
    differences = torch.cat([(first - second).abs().flatten() for first, second in pairs])
    assert (
        differences.mean() < 1e-5
    )  # a step is 8e-4: Adam's first step shows gradients' signs, of vanishing ones either


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


def test_a_tiny_autoencoder_learns(tmp_path):
    """60 steps on one batch of four pictures: at least 8 dB better, most codes in use.

    The averaged weights are exported.
    """
    task = FirstStageTask(settings(), HERE)
    task.held_out = task.dataset
    before = task.validate(0)
    rows = train(task, 0, 60)
    after = task.validate(0)
    assert after["psnr"] > before["psnr"] + 8 and after["psnr"] > 18
    assert after["ssim"] > before["ssim"] + 0.2
    assert rows[-1]["used_codes"] > 32 and 16 < rows[-1]["perplexity"] <= rows[-1]["used_codes"]
    assert rows[0]["restarted_codes"] > 32
    picture = task.pictures()["samples/true_reconstructed"]
    assert picture.shape == (3, 64, 128) and picture.min() >= 0 and picture.max() <= 1
    true = torch.cat([task.dataset[number]["image"] for number in range(4)], dim=-1) / 255
    torch.testing.assert_close(picture[:, :32], true)
    task.export(tmp_path / "first-stage.safetensors")
    loaded = load_first_stage(tmp_path / "first-stage.safetensors")
    assert loaded.config == TINY
    assert first_stage.reconstruction_quality(loaded, task.dataset, 4) == after


def test_half_the_precision_learns_as_well():
    """Networks in bfloat16, weights and codes in float32: half a dB worse at most."""
    quality, losses = [], []
    for precision in ("float32", "bfloat16"):
        config = settings()
        config.training.precision = precision
        task = FirstStageTask(config, HERE)
        task.held_out = task.dataset
        rows = train(task, 0, 40)
        losses.append(float(rows[0]["loss"]))
        quality.append(task.validate(40)["psnr"])
        assert {parameter.dtype for parameter in task.first_stage.parameters()} == {torch.float32}
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.02)
    assert losses[1] != losses[0] and quality[1] > quality[0] - 0.5 and quality[1] > 15


def test_a_new_training_starts_from_weights_that_are_there(tmp_path):
    first = FirstStageTask(settings(), HERE)
    train(first, 0, 5)
    first.export(tmp_path / "first.safetensors")
    config = settings()
    config.training.initial_weights = str(tmp_path / "first.safetensors")
    task = FirstStageTask(config, HERE)
    expected = load_first_stage(tmp_path / "first.safetensors").state_dict()
    torch.testing.assert_close(dict(task.first_stage.state_dict()), dict(expected), rtol=0, atol=0)
    assert task.first_stage.training
    config.first_stage = replace(TINY, codebook_size=32)
    differs = (
        r"first.safetensors: first_stage.codebook_size is 64 in the file and 32 in the settings;"
    )
    with pytest.raises(ValueError, match=differs):
        FirstStageTask(config, HERE)


@pytest.mark.parametrize("config", [settings(), adversarial()], ids=["alone", "with discriminator"])
def test_stopping_and_going_on_changes_no_bit(config, tmp_path):
    through = FirstStageTask(config, HERE)
    rows = train(through, 0, 6)
    stopped = FirstStageTask(config, HERE)
    train(stopped, 0, 3)
    torch.save(stopped.state_dict(), tmp_path / "state.pth")
    resumed = FirstStageTask(replace(config, training=replace(config.training, seed=0)), HERE)
    train(resumed, 0, 1)  # anything, to be overwritten
    resumed.load_state_dict(torch.load(tmp_path / "state.pth", weights_only=True))
    torch.testing.assert_close(train(resumed, 3, 6), rows[3:], rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(resumed.state_dict(), through.state_dict(), rtol=0, atol=0)


def test_a_discriminator_can_join_later():
    alone = FirstStageTask(settings(), HERE)
    train(alone, 0, 1)
    joined = FirstStageTask(adversarial(discriminator_start=0), HERE)
    joined.load_state_dict(alone.state_dict())
    assert train(joined, 1, 2)[0]["discriminator"] > 0
    assert joined.discriminator is not None and alone.discriminator is None
    with pytest.raises(ValueError, match="discriminator is of other sizes than"):
        FirstStageTask(adversarial(discriminator_channels=8), HERE).load_state_dict(
            joined.state_dict()
        )


def test_the_published_layout_of_weights(tmp_path):
    task = FirstStageTask(adversarial(discriminator_layers=3, discriminator_channels=64), HERE)
    task.export(tmp_path / "mine.safetensors")
    checkpoint = read_checkpoint(tmp_path / "mine.ckpt")
    tensors = load_file(tmp_path / "mine.safetensors")
    state = checkpoint["state_dict"]
    assert list(state)[: len(tensors)] == list(task.first_stage.state_dict())
    assert all(torch.equal(state[name], item) for name, item in tensors.items())
    prefix = "loss.discriminator."
    judge = PatchDiscriminator()
    judge.load_state_dict(
        {name.removeprefix(prefix): item for name, item in state.items() if name.startswith(prefix)}
    )
    assert len(state) == len(tensors) + len(judge.state_dict())
    assert FirstStageConfig(**checkpoint["config"]["first_stage"]) == TINY


@pytest.mark.slow
def test_both_files_of_the_published_model_load(tmp_path):
    """270 MB each."""
    task = FirstStageTask(replace(adversarial(), first_stage=FirstStageConfig()), HERE)
    task.export(tmp_path / "first-stage.safetensors")
    first, second = (
        load_first_stage(tmp_path / f"first-stage.{suffix}") for suffix in ("safetensors", "ckpt")
    )
    pairs = zip(first.state_dict().items(), second.state_dict().items(), strict=True)
    assert all(name == other and torch.equal(item, twin) for (name, item), (other, twin) in pairs)


def test_without_held_out_frames_nothing_is_validated():
    task = FirstStageTask(settings(), HERE)
    assert task.validate(0) == {}
    assert task.pictures()["samples/true_reconstructed"].shape == (3, 64, 128)


def test_held_out_frames_are_those_of_the_other_split(monkeypatch):
    asked = []
    monkeypatch.setattr(
        first_stage_inputs, "FrameDataset", lambda *arguments: asked.append(arguments) or Shapes()
    )
    monkeypatch.setattr(first_stage, "training_frames", FRAMES)
    data = DataConfig(poses="/train/p.npy", videos="/train/v", validation="/test")
    task = FirstStageTask(replace(settings(flip=True), data=data), HERE)
    assert set(task.validate(0)) == {"psnr", "ssim"}
    paths = [tuple(map(str, arguments[:2])) for arguments in asked]
    assert paths == [("/train/p.npy", "/train/v"), ("/test/poses.npy", "/test/videos")]
    assert [arguments[2:] for arguments in asked] == [(32, 0, True), (32, 0, False)]


def test_gradients_that_are_not_finite_stop_the_training():
    task = FirstStageTask(settings(), HERE)
    with torch.no_grad():
        task.first_stage.decoder.conv_in.bias[0] = math.nan
    with pytest.raises(
        ValueError,
        match="10 steps in a row, up to step 10, are not finite: lower .*learning_rate_per_image",
    ):
        train(task, 0, 20)


@pytest.mark.parametrize(
    ("unfit", "message"),
    [
        (
            replace(settings(), first_stage=FirstStageConfig(kind="pixels")),
            "'pixels' has no weights to train",
        ),
        (
            replace(settings(), training=TrainingConfig(compile=True)),
            "training.compile True: expected float32 or bfloat16, and false",
        ),
        (
            adversarial(discriminator_layers=4),
            "discriminator_layers 4: too many for images of 32 pixels",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(unfit, message):
    with pytest.raises(ValueError, match=message):
        FirstStageTask(unfit, HERE)


def test_the_command_trains_and_exports(tmp_path, monkeypatch):
    """Two steps, then two more from the checkpoint; another's weights are not replaced."""
    monkeypatch.setattr(config, "load_config", settings_for_command)
    arguments = ["--instance-data", str(tmp_path), "--device", "cpu"]
    train_first_stage.main([*arguments, "training.steps=2"])
    weights = tmp_path / "first-stage.safetensors"
    first = load_file(weights)
    train_first_stage.main([*arguments, "training.steps=4"])
    second = load_file(weights)
    assert any(not torch.equal(first[name], second[name]) for name in first)
    assert (
        read_checkpoint(max((tmp_path / "first-stage" / "checkpoints").glob("*.pth")))[
            "total_iterations"
        ]
        == 4
    )
    other = tmp_path / "other"
    other.mkdir()
    (other / "first-stage.safetensors").write_text("somebody's")
    with pytest.raises(ValueError, match="exists and no checkpoint .* goes with it"):
        train_first_stage.main(["--instance-data", str(other), "--device", "cpu"])
    assert (other / "first-stage.safetensors").read_text() == "somebody's"


def settings_for_command(name: str, changes: list[str]) -> Config:
    tiny = ["image_size=32", "channel_multipliers=[1,1]", "latent_channels=3", "codebook_size=64"]
    return load_config(
        name,
        [
            "data.workers=0",
            "training.batch_size=4",
            *(f"first_stage.{item}" for item in tiny),
            *changes,
        ],
    )
