"""Pictures of the page: the poster preview, rough frames in the making, and HTML around them."""

import html
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..cameras.coverage import is_behind, poster_to_view
from ..evaluation.page import picture

PREVIEW_SIZE = 96  # pixels of a poster preview
UNKNOWN = (222, 226, 232)  # where the photo says nothing


def poster_preview(
    photo: np.ndarray,
    pose: np.ndarray,
    photo_pose: np.ndarray,
    focal_y: float,
    distance: float,
    size: int = PREVIEW_SIZE,
) -> np.ndarray:
    """The view (size, size, 3) of the photo as a flat poster `distance` away.

    photo: its square, (n, n, 3) uint8. What the poster does not cover is UNKNOWN.
    """
    to_pixels, from_pixels = np.diag([size, size, 1.0]), np.diag([1, 1, len(photo)]) / len(photo)
    homography = poster_to_view(pose, photo_pose, focal_y, distance)
    if is_behind(pose, photo_pose, distance) or abs(np.linalg.det(homography)) < 1e-9:
        return np.full((size, size, 3), UNKNOWN, np.uint8)
    warped = cv2.warpPerspective(
        photo,
        to_pixels @ homography @ from_pixels,
        (size, size),
        flags=cv2.INTER_AREA,
        borderValue=UNKNOWN,
    )
    # A homography also maps what is behind the camera; there its third coordinate is negative.
    places = (np.arange(size) + 0.5) / size
    x, y = np.meshgrid(places, places)
    third = np.linalg.inv(homography)[2]
    warped[third[0] * x + third[1] * y + third[2] <= 0] = UNKNOWN
    return warped


class RoughColours:
    """Colours of latents by a linear map, fitted to frames whose latents are known.

    It costs next to nothing, where the first stage's decoder takes as long as a step.
    """

    def __init__(self, latent: Tensor, image: np.ndarray) -> None:
        """latent: (channels, h, w). image: the frame that it is decoded to, (height, width, 3)."""
        height, width = latent.shape[1:]
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        colours = torch.from_numpy(small.reshape(-1, 3).astype(np.float32))
        self._map = torch.linalg.lstsq(_with_ones(latent), colours, driver="gelsd").solution

    def __call__(self, latent: Tensor) -> np.ndarray:
        """A rough frame (h, w, 3) uint8 of a latent (channels, h, w)."""
        colours = (_with_ones(latent) @ self._map).clamp(0, 255).round().byte()
        return colours.reshape(*latent.shape[1:], 3).numpy()


def _with_ones(latent: Tensor) -> Tensor:
    """A row (channels + 1) for each place."""
    rows = latent.detach().float().cpu().flatten(1).T
    return torch.cat([rows, torch.ones(len(rows), 1)], dim=1)


def data_uri(frame: np.ndarray, size: int | None = None) -> str:
    """A frame (height, width, 3) uint8 as an image's address; `size`: smallest side, pixels."""
    image = Image.fromarray(frame)
    if size and min(image.size) < size:
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return picture(image) or ""


def figures(images: Sequence[tuple[str, str | None]], columns: int = 0) -> str:
    """HTML of pictures over their captions.

    images: (caption, address); without an address there is an empty frame. columns: 0: as many as
    fit at full size.
    """
    width = f"width:calc({100 / columns:.4g}% - 4px)" if columns else "flex:1 1 240px"
    parts = []
    for caption, address in images:
        shown = (
            f'<img src="{address}" alt="{html.escape(caption)}" style="width:100%;display:block;'
            'border-radius:6px">'
            if address
            else '<div style="aspect-ratio:1;border:2px dashed #cbd2dc;border-radius:6px"></div>'
        )
        parts.append(
            f'<figure style="margin:0;{width}">{shown}<figcaption style="font-size:12px;'
            f'opacity:.75;margin-top:2px">{html.escape(caption)}</figcaption></figure>'
        )
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:8px;padding:6px 10px">'
        + "".join(parts)
        + "</div>"
    )


def sentence(text: str, kind: str = "plain") -> str:
    """HTML of a line for people; kind: plain, soft, good or bad."""
    colours = {"plain": "inherit", "soft": "#667085", "good": "#1a7f4b", "bad": "#d92d20"}
    style = f"padding:2px 12px;font-size:13px;line-height:1.45;color:{colours[kind]}"
    return f'<div style="{style};overflow-wrap:anywhere">{html.escape(text)}</div>' if text else ""
