"""The published score network, written down as it is described, without regard to speed.

It is what `photonvs` is measured against: einsum attention that keeps its weights, every projection
anew in each evaluation, outputs of both views. It shares no code with `photonvs.models`, and takes
the tensors of a published checkpoint by their names.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LEVELS = 4


class PlainNetwork:
    """Scores of both views, from a dict of named tensors (`score_model.…`, `ray_downsampler.…`)."""

    def __init__(self, tensors: dict[str, Tensor], heads: int = 4) -> None:
        self.tensors, self.heads = tensors, heads
        line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.filter = line.outer(line)[None, None]

    def scores(
        self, x: Tensor, x_cond: Tensor, sigma: Tensor, sigma_cond: Tensor, rays: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor]:
        """x, x_cond: (n, 4, 32, 32). sigma, sigma_cond: (n,). rays: (ref, target, cond) embeddings.

        Each of these is (n, 128, 32, 32).
        """
        views = torch.stack([x, x_cond], dim=1).flatten(0, 1)  # a0, b0, a1, b1, …
        sigmas = torch.stack([sigma, sigma_cond], dim=1).flatten()
        output = self.network(2 * views - 1, sigmas.log(), rays) / sigmas[:, None, None, None]
        return output[0::2], output[1::2]

    def network(self, inputs: Tensor, log_sigma: Tensor, rays: tuple[Tensor, ...]) -> Tensor:
        embedding, pyramid = self.embed(log_sigma), self.ray_pyramid(rays)
        x = self.convolve("score_model.input_conv", inputs)
        skips, reduced = [x], inputs
        for level in range(LEVELS):
            name = f"score_model.encoder_modules.{level}"
            for block in range(2):
                x = self.residual(f"{name}.resblocks.{block}", x, embedding)
                x = self.both_attentions(name, x, pyramid[level])
                skips.append(x)
            if level < LEVELS - 1:
                x = self.residual(f"{name}.downres", x, embedding, self.down)
                reduced = self.down(reduced)
                x = self.convolve(f"{name}.combiner.Conv_0", reduced) + x
                skips.append(x)
        x = self.residual("score_model.central_block.0", x, embedding)
        x = self.attention("score_model.central_block.1", x)
        x = self.residual("score_model.central_block.2", x, embedding)
        return self.decode(x, skips, embedding, pyramid)

    def decode(
        self,
        x: Tensor,
        skips: list[Tensor],
        embedding: Tensor,
        pyramid: list[tuple[Tensor, ...]],
    ) -> Tensor:
        output = None
        for level in reversed(range(LEVELS)):
            name = f"score_model.decoder_modules.{level}"
            for block in range(3):
                joined = torch.cat([x, skips.pop()], dim=1)
                x = self.residual(f"{name}.resblocks.{block}", joined, embedding)
            x = self.both_attentions(name, x, pyramid[level])
            of_level = F.silu(self.normalize(f"{name}.group_norm", x))
            of_level = self.convolve(f"{name}.conv3x3", of_level)
            output = of_level if output is None else self.up(output) + of_level
            if level > 0:
                x = self.residual(f"{name}.final_res", x, embedding, self.up)
        return output

    def embed(self, log_sigma: Tensor) -> Tensor:
        angles = 2 * math.pi * log_sigma[:, None] * self.tensors["score_model.temb_modules.0.W"]
        x = torch.cat([angles.sin(), angles.cos()], dim=1)
        x = F.silu(self.linear("score_model.temb_modules.1", x))
        return F.silu(self.linear("score_model.temb_modules.2", x))

    def ray_pyramid(self, rays: tuple[Tensor, ...]) -> list[tuple[Tensor, ...]]:
        pyramid = []
        for level in range(LEVELS):
            name = f"score_model.conditioning_conv_{level}"
            stride = 2 if level else 1
            rays = tuple(self.convolve(name, F.silu(part), stride=stride) for part in rays)
            pyramid.append(rays)
        return pyramid

    def both_attentions(self, name: str, x: Tensor, rays: tuple[Tensor, ...]) -> Tensor:
        x = self.attention(f"{name}.attn", x)
        ref, target, cond = rays
        features = self.normalize(f"{name}.cross_attn.GroupNorm_0", x)
        own = torch.stack([ref, ref], dim=1).flatten(0, 1)
        others = features.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
        others_rays = torch.stack([cond, target], dim=1).flatten(0, 1)
        return self.attend(
            f"{name}.cross_attn",
            x,
            torch.cat([features, own], dim=1),
            torch.cat([others, others_rays], dim=1),
        )

    def attention(self, name: str, x: Tensor) -> Tensor:
        features = self.normalize(f"{name}.GroupNorm_0", x)
        return self.attend(name, x, features, features)

    def attend(self, name: str, x: Tensor, asking: Tensor, asked: Tensor) -> Tensor:
        queries = self.project(f"{name}.NIN_0", asking).unflatten(1, (self.heads, -1))
        keys = self.project(f"{name}.NIN_1", asked).unflatten(1, (self.heads, -1))
        values = self.project(f"{name}.NIN_2", asked).unflatten(1, (self.heads, -1))
        weights = torch.einsum("nhcyx,nhcvu->nhyxvu", queries, keys) * x.shape[1] ** -0.5
        weights = weights.flatten(4).softmax(dim=-1).view_as(weights)
        found = torch.einsum("nhyxvu,nhcvu->nhcyx", weights, values).flatten(1, 2)
        return (x + self.project(f"{name}.NIN_3", found)) / math.sqrt(2)

    def residual(self, name: str, x: Tensor, embedding: Tensor | None, resample=None) -> Tensor:
        hidden = F.silu(self.normalize(f"{name}.GroupNorm_0", x))
        if resample:
            hidden, x = resample(hidden), resample(x)
        hidden = self.convolve(f"{name}.Conv_0", hidden)
        if embedding is not None:
            hidden = hidden + self.linear(f"{name}.Dense_0", embedding)[:, :, None, None]
        hidden = F.silu(self.normalize(f"{name}.GroupNorm_1", hidden))
        hidden = self.convolve(f"{name}.Conv_1", hidden)
        if f"{name}.Conv_2.weight" in self.tensors:
            x = self.convolve(f"{name}.Conv_2", x)
        return (x + hidden) / math.sqrt(2)

    def convolve(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self.tensors[f"{name}.weight"]
        padding = weight.shape[-1] // 2
        return F.conv2d(x, weight, self.tensors[f"{name}.bias"], stride, padding)

    def linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"])

    def project(self, name: str, x: Tensor) -> Tensor:
        found = torch.einsum("nchw,cd->ndhw", x, self.tensors[f"{name}.W"])
        return found + self.tensors[f"{name}.b"][:, None, None]

    def normalize(self, name: str, x: Tensor) -> Tensor:
        groups = min(x.shape[1] // 4, 32)
        tensors = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        return F.group_norm(x, groups, *tensors, eps=1e-6)

    def down(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self.filter.expand(channels, 1, 4, 4)
        return F.conv2d(F.pad(x, (1, 1, 1, 1)), kernel, stride=2, groups=channels)

    def up(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        spread = x.new_zeros(n, channels, 2 * height, 2 * width)
        spread[:, :, ::2, ::2] = x
        kernel = 4 * self.filter.expand(channels, 1, 4, 4)
        return F.conv2d(F.pad(spread, (2, 1, 2, 1)), kernel, groups=channels)
