"""Pictures to look at."""

from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import ArrayLike, Float, UInt8

from distill_lib.boundary import checks
from distill_lib.boundary.door import floats
from distill_lib.boundary.files import replacing


def picture_grid(
    images: Float[ArrayLike, "n h w c"],
    columns: int = 10,
    *,
    white: float | None = None,
    gap: int = 1,
    zoom: int = 1,
) -> UInt8[np.ndarray, "height width 3"]:
    """Images in rows of `columns` on white, as an RGB picture.

    Args:
        images: (n, h, w, c) with 1 or 3 channels.
        white: the value shown as white, 0 being black, clipped outside; None shows each image's own
            range.
        gap: pixels between images.
        zoom: each pixel becomes zoom x zoom.
    Raises: ValueError for no images, not finite ones, other than 1 or 3 channels, or a white that
        is not above 0.

    Example:
        >>> dl.picture_grid(np.zeros((4, 8, 8, 1)), columns=2, white=1.0).shape
        (17, 17, 3)
    """
    x = np.asarray(floats("images", images), np.float64)
    if x.ndim != 4 or not x.size or x.shape[3] not in (1, 3) or columns < 1:
        raise ValueError(
            "a picture grid needs images (n, h, w, 1 or 3) and at least one column, not shape "
            f"{x.shape} and {columns}."
        )
    checks.finite("images", x)
    if white is not None:
        if not (checks.number(white) and white > 0):
            raise ValueError(
                f"white = {white!r} cannot be shown as white; it must be above 0, which is black."
            )
        x = x / white
    else:
        low, high = x.min((1, 2, 3), keepdims=True), x.max((1, 2, 3), keepdims=True)
        x = (x - low) / np.where(high > low, high - low, 1)
    n, h, w, c = x.shape
    rows = -(-n // columns)
    canvas = np.ones((rows, columns, h + gap, w + gap, 3))
    canvas.reshape(-1, h + gap, w + gap, 3)[:n, :h, :w] = x if c == 3 else x[..., :1]
    picture = canvas.swapaxes(1, 2).reshape(rows * (h + gap), columns * (w + gap), 3)
    picture = picture[: rows * (h + gap) - gap, : columns * (w + gap) - gap]
    return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8).repeat(zoom, 0).repeat(zoom, 1)


def save_picture(picture: UInt8[np.ndarray, "height width 3"], path: str | Path) -> None:
    """Write an RGB picture, whole or not at all; the ending of the path chooses the format.

    Raises: ValueError for another array or an ending that names no format, OSError if the file
        cannot be written.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     dl.save_picture(dl.picture_grid(np.zeros((4, 8, 8, 1))), f"{folder}/grid.png")
        ...     pathlib.Path(folder, "grid.png").is_file()
        True
    """
    from PIL import Image

    values = np.asarray(picture)
    if values.dtype != np.uint8 or values.ndim != 3 or values.shape[2] != 3 or not values.size:
        raise ValueError(
            f"a picture is (height, width, 3) of unsigned bytes, not {values.shape} of "
            f"{values.dtype}; "
            "picture_grid makes one."
        )
    ending = Path(path).suffix.lower()
    form = Image.registered_extensions().get(ending)
    if form not in Image.SAVE:
        raise ValueError(f"the ending '{ending}' of {path} names no format of pictures; take .png.")
    content = BytesIO()
    Image.fromarray(values).save(content, form)
    with replacing(path) as file:
        file.write(content.getbuffer())
