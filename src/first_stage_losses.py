"""What the first stage's training descends: codebook and adversarial losses, their balance, and the care for idle codes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .models.discriminator import PatchDiscriminator, discriminator_loss
from .models.first_stage import VQGAN
from .utils.distributed import Process
from .utils.random import generator

LARGEST_ADAPTIVE_WEIGHT = 1e4


class Autoencoding(nn.Module):
    """The autoencoder's training pass as one module, so that it is distributed as one."""

    def __init__(self, first_stage: VQGAN) -> None:
        super().__init__()
        self.first_stage = first_stage

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Images (n, 3, S, S) in [-1, 1] -> reconstructions, latents before and after quantization, codes (n, L, L).

        Straight-through: to the latents, the decoder's gradient passes as if nothing had been quantized.
        Under autocast the two networks are computed in its precision, codes are looked for in float32.
        """
        latents = self.first_stage.encode(images).to(images.dtype)
        with torch.autocast(images.device.type, enabled=False):
            codes = self.first_stage.quantize.indices(latents.detach())
        quantized = self.first_stage.quantize.embedding(codes).movedim(-1, 1)
        passed = latents + (quantized - latents).detach()
        return (
            self.first_stage.decoder(self.first_stage.post_quant_conv(passed)).to(images.dtype),
            latents,
            quantized,
            codes,
        )


class AdversarialLoss(nn.Module):
    """The discriminator's training pass as one module: its loss on true and reconstructed images."""

    def __init__(self, discriminator: PatchDiscriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, images: Tensor, reconstructions: Tensor) -> Tensor:
        return discriminator_loss(self.discriminator(images), self.discriminator(reconstructions))


def codebook_loss(latents: Tensor, quantized: Tensor, commitment: float) -> Tensor:
    """Codes drawn to the latents that chose them, and `commitment` (beta) times the reverse: the scalar loss of a batch.

    van den Oord et al. 2017, equation 3; means over all numbers, as in the published training (the papers write sums).
    The published training has beta at the other term: see `FirstStageTrainingConfig`.
    """
    return F.mse_loss(quantized, latents.detach()) + commitment * F.mse_loss(
        latents, quantized.detach()
    )


def adaptive_weight(reconstruction: Tensor, adversarial: Tensor, last_layer: Tensor) -> Tensor:
    """Esser et al. 2021, equation 7: what brings the two losses' gradients at the last layer to one norm; a constant.

    Delta and the upper limit are those of the published training (the paper says 1e-6 and no limit).
    """
    norms = [
        torch.autograd.grad(loss, last_layer, retain_graph=True)[0].norm()
        for loss in (reconstruction, adversarial)
    ]
    return (norms[0] / (norms[1] + 1e-4)).clamp(max=LARGEST_ADAPTIVE_WEIGHT).detach()


def perplexity(counts: Tensor) -> Tensor:
    """Exponential of the entropy of codes used `counts` (codes,) times: from 1, one code only, to their number, all alike."""
    return torch.special.entr(counts / counts.sum()).sum().exp()


class CodeRestarts:
    """Places a code that no latent chose for `after` steps at a latent of the present step. Ours; the published has none.

    The first step places the whole codebook. Without it most codes of a small training never come into use. With several
    processes, all take the first one's latents.
    """

    def __init__(self, codebook: nn.Embedding, after: int, seed: int, process: Process) -> None:
        self.codebook, self.after, self.seed, self.process = codebook, after, seed, process
        self.idle = torch.full((codebook.num_embeddings,), after)  # steps since each code was used

    @torch.no_grad()
    def update(self, counts: Tensor, latents: Tensor, step: int) -> int:
        """Note a step's uses (codes,) and restart codes from its latents (m, c); every process must call it.

        Returns the number of restarted codes: of those due, at most as many as there are latents. Drawn from (seed, step).
        """
        self.idle = torch.where(self.process.sum(counts.to("cpu", copy=True)) > 0, 0, self.idle + 1)
        due = (self.idle > self.after).nonzero()[:, 0][: len(latents)]
        if not self.after or not len(due):
            return 0
        source = generator(self.seed, "codes", step)
        chosen = torch.from_numpy(source.permutation(len(latents))[: len(due)])
        places = self.process.from_first(latents.cpu()[chosen])
        self.codebook.weight[due.to(self.codebook.weight.device)] = places.to(self.codebook.weight)
        self.idle[due] = 0
        return len(due)
