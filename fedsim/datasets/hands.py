"""Hands: how one imaginary writer draws letters and digits, and what comes out on paper.

A hand begins with a printed face and bends it: weight, size, slant, turn, width, a shape of its own for every
character. A sample is the hand on one occasion: a little shifted, turned, sized and bent anew, then scanned.
"""

import string
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fedsim.errors import DataUnavailable
from fedsim.randomness import Stream

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Floats = NDArray[np.float32]

CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
SIDE = 28  # pixels of a sample
DRAWN_SCALE = 4  # shapes are drawn this much finer, so that bending them does not fray them
KEPT_SCALE = 2  # ... and kept this much finer
BASELINE = 20  # pixels from the top: small letters stay small and hang where they should
EM = 23.0  # pixels of the mean em square: capitals about 17 pixels high
KNOTS = 5  # a bend is a smooth surface through KNOTS × KNOTS random heights

FACES = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    *("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique"),
    *("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    *("cmb10", "cmmi10", "cmr10", "cmss10", "cmtt10"),
)


@dataclass(frozen=True)
class Hand:
    """What is always the same about one writer."""

    face: str
    size: float  # of the em square, in pixels
    stroke: int  # extra weight of the pen, in fine pixels
    slant: float  # shear, positive leans right
    turn: float  # radians
    width: float  # stretch along the line
    shapes: Floats  # (characters, 2, KNOTS, KNOTS) own bend of every character, in pixels
    unrest: float  # how much one occasion differs from the next
    ink: float  # darkness of the stroke
    grain: float  # noise of the paper and the scanner


def draw_hand(stream: Stream) -> Hand:
    """The hand at this address."""
    generator = stream.numpy()
    face = FACES[generator.integers(len(FACES))]
    heavy = "Bol" in face or face == "cmb10"
    size, slant, turn, width = generator.normal([0, 0.05, 0, 0], [0.05, 0.15, 0.06, 0.10])
    return Hand(
        face=face,
        size=EM * float(np.exp(size)),
        stroke=int(generator.integers(0, 2 if heavy else 5)),
        slant=float(slant),
        turn=float(turn),
        width=float(np.exp(width)),
        shapes=generator.normal(0, 1.4, (len(CHARACTERS), 2, KNOTS, KNOTS)).astype(np.float32),
        unrest=float(generator.uniform(0.5, 1.5)),
        ink=float(generator.uniform(0.75, 1.0)),
        grain=float(generator.uniform(0.0, 0.06)),
    )


def write(hand: Hand, labels: NDArray[np.int64], stream: Stream) -> NDArray[np.uint8]:
    """(m,) characters -> (m, 28, 28) samples, bright on black; a sample depends on none that follow."""
    count = len(labels)
    occasion = hand.unrest * stream.at("occasion").numpy().standard_normal((count, 6), np.float32)
    knots = hand.unrest * stream.at("bend").numpy().standard_normal((count, 2, KNOTS, KNOTS), np.float32)
    bend = _smooth(hand.shapes[labels] + 0.7 * knots)
    ink = _look_up(_shapes(hand), labels, _places(hand, occasion) + bend)
    ink *= hand.ink * np.clip(1 + 0.08 * occasion[:, 5], 0.6, 1.2)[:, None, None]
    ink += hand.grain * stream.at("grain").numpy().standard_normal((count, SIDE, SIDE), np.float32)
    return np.rint(255 * np.clip(ink, 0, 1)).astype(np.uint8)


def _places(hand: Hand, occasion: Floats) -> Floats:
    """(m, 2, 28, 28): where on the upright shape, in pixels, each pixel of the sample looks, bends apart."""
    across, down, turn, slant, size = (occasion[:, i, None, None] for i in range(5))
    x, y = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))
    x, y = x - (SIDE - 1) / 2 - 0.7 * across, y - (SIDE - 1) / 2 - 0.7 * down
    angle = hand.turn + 0.05 * turn
    x, y = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    scale = np.exp(-0.04 * size)
    x = (x + (hand.slant + 0.05 * slant) * y) * scale / hand.width
    return np.stack([x, y * scale], axis=1) + np.float32((SIDE - 1) / 2)


def _smooth(knots: Floats) -> Floats:
    """(..., KNOTS, KNOTS) heights -> (..., 28, 28) smooth surface."""
    basis = _basis()
    return np.asarray(basis @ knots @ basis.T)


@cache
def _basis() -> Floats:
    """(28, KNOTS) weights of the knots: overlapping bells that sum to one everywhere."""
    distance = np.arange(SIDE)[:, None] - np.linspace(0, SIDE - 1, KNOTS)[None, :]
    bells = np.exp(-0.5 * (distance * (KNOTS - 1) / (0.6 * SIDE)) ** 2)
    return np.asarray(bells / bells.sum(axis=1, keepdims=True), dtype=np.float32)


def _look_up(shapes: Floats, labels: NDArray[np.int64], places: Floats) -> Floats:
    """Bilinear interpolation of each sample's shape at its places."""
    last = shapes.shape[-1] - 1
    where = np.clip((places + np.float32(0.5)) * KEPT_SCALE - np.float32(0.5), 0, np.float32(last - 1e-3))
    corner = where.astype(np.int32)
    right, below = np.moveaxis(where - corner, 1, 0)
    index = (labels[:, None, None] * (last + 1) + corner[:, 1]) * (last + 1) + corner[:, 0]
    flat = shapes.ravel()
    above = flat[index] * (1 - right) + flat[index + 1] * right
    under = flat[index + last + 1] * (1 - right) + flat[index + last + 2] * right
    return np.asarray(above * (1 - below) + under * below)


def _shapes(hand: Hand) -> Floats:
    """(characters, 56, 56) printed shapes in [0, 1], before any bending."""
    from PIL import Image, ImageDraw

    font = _font(hand.face, round(hand.size * DRAWN_SCALE))
    shapes = np.empty((len(CHARACTERS), SIDE * KEPT_SCALE, SIDE * KEPT_SCALE), np.float32)
    for shape, character in zip(shapes, CHARACTERS, strict=True):
        sheet = Image.new("L", (SIDE * DRAWN_SCALE, SIDE * DRAWN_SCALE))
        ImageDraw.Draw(sheet).text(
            (SIDE * DRAWN_SCALE / 2, BASELINE * DRAWN_SCALE),
            character,
            fill=255,
            font=font,
            anchor="ms",
            stroke_width=hand.stroke,
        )
        shape[:] = np.asarray(sheet.reduce(DRAWN_SCALE // KEPT_SCALE), np.float32) / 255
    return shapes


@cache
def _font(face: str, size: int) -> "FreeTypeFont":
    from PIL import ImageFont

    path = _faces_folder() / f"{face}.ttf"
    if not path.is_file():
        raise DataUnavailable(f"glyphs are drawn from the faces that matplotlib ships: {path} is missing")
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _faces_folder() -> Path:
    """matplotlib's folder of faces, found without importing it."""
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise DataUnavailable("glyphs are drawn from the faces that matplotlib ships: install matplotlib")
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
