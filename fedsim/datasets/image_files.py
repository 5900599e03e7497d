"""Single image files from elsewhere, read within bounds as grey or red, green and blue."""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedsim.datasets.bounded_files import read_file
from fedsim.errors import DataUnavailable

MOST_BYTES = 2**28  # bytes of one file
MOST_PIXELS = 2**26  # of one image
GREY = "grey"
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
DEEP_MODES = ("I", "F")
"""How the names of Pillow's modes begin that hold more than eight bits in a channel."""


@dataclass(frozen=True)
class Picture:
    """One image."""

    pixels: NDArray[np.uint8]  # (channels, height, width)

    @property
    def words(self) -> str:
        """Its size as people say it, the height first: `28×28`."""
        return "×".join(map(str, self.pixels.shape[1:]))


def read_picture(path: Path, size: int | None, colour: str | None) -> Picture:
    """The image in a file; DataUnavailable where there is none that can be read."""
    from PIL import Image, ImageOps

    data = read_file(path, MOST_BYTES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd but can be read is read; too many pixels are refused here
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                if opened.width * opened.height > MOST_PIXELS:
                    pixels = f"{opened.width:,} × {opened.height:,} pixels"
                    raise DataUnavailable(f"{path}: {pixels} are too many; at most {MOST_PIXELS:,} are read")
                image = _sorted(ImageOps.exif_transpose(opened), colour, path)
                resized = image if size is None else image.resize((size, size), Image.Resampling.BILINEAR)
                return Picture(_pixels(resized))
    except DataUnavailable:
        raise
    except Exception as error:  # whatever a decoder raises over a damaged file
        reason = "of no known form" if "cannot identify" in str(error) else str(error).partition("\n")[0][:200]
        raise DataUnavailable(f"{path}: is no image that can be read ({reason}); take it out of the folder") from error


def _sorted(image: Any, colour: str | None, path: Path) -> Any:
    """The image as grey or as red, green and blue: as asked for, or as it is."""
    if image.mode.startswith(DEEP_MODES):
        raise DataUnavailable(f"{path}: holds more than eight bits a pixel (mode {image.mode}); save it with eight")
    grey = colour == GREY or (colour is None and image.mode in ("L", "LA", "1"))
    return image.convert("L" if grey else "RGB")


def _pixels(image: Any) -> NDArray[np.uint8]:
    array = np.asarray(image, np.uint8)
    return array[None] if array.ndim == 2 else np.moveaxis(array, 2, 0)  # noqa: PLR2004 - height, width
