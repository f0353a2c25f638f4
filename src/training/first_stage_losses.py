"""Losses of the first stage's training, the balance between them, and the care for idle codes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.discriminator import PatchDiscriminator, discriminator_loss
from ..models.first_stage import VQGAN
from ..utils.distributed import Process
from ..utils.random import generator

LARGEST_ADAPTIVE_WEIGHT = 1e4


class Autoencoding(nn.Module):
    """The autoencoder's training pass as one module, so that it is distributed as one."""

    def __init__(self, first_stage: VQGAN) -> None:
        super().__init__()
        self.first_stage = first_stage

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Images (n, 3, S, S) in [-1, 1] -> reconstructions, latents, quantized latents, codes.

        Codes are (n, L, L). Straight-through: the decoder's gradient passes to the latents as if
        nothing had been quantized. Under autocast the two networks are computed in its precision,
        and codes are looked for in float32.
        """
        latents = self.first_stage.encode(images).to(images.dtype)
        with torch.autocast(images.device.type, enabled=False):
            codes = self.first_stage.quantize.indices(latents.detach())
        quantized = self.first_stage.quantize.embedding(codes).movedim(-1, 1)
        passed = latents + (quantized - latents).detach()
        decoded = self.first_stage.decoder(self.first_stage.post_quant_conv(passed))
        return decoded.to(images.dtype), latents, quantized, codes


class AdversarialLoss(nn.Module):
    """The discriminator's training pass as one module: its loss on true and made images."""

    def __init__(self, discriminator: PatchDiscriminator) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, images: Tensor, reconstructions: Tensor) -> Tensor:
        return discriminator_loss(self.discriminator(images), self.discriminator(reconstructions))


def codebook_loss(latents: Tensor, quantized: Tensor, commitment: float) -> Tensor:
    """The scalar loss that draws codes to the latents that chose them, and latents to their codes.

    `commitment` (beta) weights the latter. van den Oord et al. 2017, equation 3, with means over
    all numbers, as in the published training (the papers write sums). The published training has
    beta at the other term: see `FirstStageTrainingConfig`.
    """
    of_codes = F.mse_loss(quantized, latents.detach())
    return of_codes + commitment * F.mse_loss(latents, quantized.detach())


def adaptive_weight(reconstruction: Tensor, adversarial: Tensor, last_layer: Tensor) -> Tensor:
    """What brings the two losses' gradients at the last layer to one norm; a constant.

    Esser et al. 2021, equation 7. Delta and the upper limit are those of the published training
    (the paper says 1e-6 and no limit).
    """
    norms = [
        torch.autograd.grad(loss, last_layer, retain_graph=True)[0].norm()
        for loss in (reconstruction, adversarial)
    ]
    return (norms[0] / (norms[1] + 1e-4)).clamp(max=LARGEST_ADAPTIVE_WEIGHT).detach()


def perplexity(counts: Tensor) -> Tensor:
    """Exponential of the entropy of codes used `counts` (codes,) times.

    From 1, where one code only is used, to the number of codes, where all are used alike.
    """
    return torch.special.entr(counts / counts.sum()).sum().exp()


class CodeRestarts:
    """Places a code that no latent chose for `after` steps at a latent of the present step.

    The published training has no such thing. The first step places the whole codebook. Without
    that, most codes of a small training never come into use. With several processes, all take the
    first one's latents.
    """

    def __init__(self, codebook: nn.Embedding, after: int, seed: int, process: Process) -> None:
        self.codebook, self.after, self.seed, self.process = codebook, after, seed, process
        self.idle = torch.full((codebook.num_embeddings,), after)  # steps since each code was used

    @torch.no_grad()
    def update(self, counts: Tensor, latents: Tensor, step: int) -> int:
        """Note a step's uses (codes,) and restart codes from its latents (m, c).

        Every process must call it. Latents are drawn from (seed, step). Returns the number of
        restarted codes: of those due, at most as many as there are latents.
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
