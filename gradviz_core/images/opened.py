"""A file opened by the one reader of its kind. Pillow keeps one byte of each 16-bit colour; here is the other as well.

Pillow unpacks colours of 16 bits by a name such as ``RGB;16B``, which says in which order the two bytes come, and keeps
the upper one. Told the opposite order, it keeps the lower one.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from gradviz_core.images import heic
from gradviz_core.images.formats.contents import Contents, unsupported

AvifImagePlugin.DEFAULT_MAX_THREADS = 1
_READERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "HEIC": heic.opened,
}
_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
_GREY_AND_ALPHA = "LA;16B"


def opened(contents: Contents) -> ImageFile.ImageFile:
    """The file, opened and not decoded yet; ``Image.open`` would warn of sizes, and try further readers."""
    try:
        return _READERS[contents.format](io.BytesIO(contents.picture))
    except SyntaxError as error:
        if contents.format != "TIFF":
            raise
        raise unsupported("The TIFF is broken or stores its pixels in an unsupported way.") from error


def lower_bytes(contents: Contents) -> Image.Image | None:
    """The lower byte of each 16-bit number, in the bands that Pillow's own reading keeps the upper ones in; None where
    the colours were multiplied by alpha, which Pillow divides them by while it unpacks them."""
    with opened(contents) as stored:
        names = {_unpacking(tile) for tile in stored.tile}
        if any("a;16" in name for name in names):
            return None
        if names == {_GREY_AND_ALPHA}:
            stored.tile = [tile._replace(args="RGBA") for tile in stored.tile]
            stored.load()
            _, grey, _, alpha = stored.split()
            return Image.merge("RGBA", (grey, grey, grey, alpha))
        stored.tile = [_swapped(tile) for tile in stored.tile]
        stored.load()
        return stored.copy()


def _unpacking(tile: ImageFile._Tile) -> str:
    """Pillow's name for how the bytes of a tile become pixels."""
    return str(tile.args if isinstance(tile.args, str) else (tile.args or ("",))[0])


def _swapped(tile: ImageFile._Tile) -> ImageFile._Tile:
    name = _unpacking(tile)
    other = name[:-1] + _OTHER_ORDER[name[-1]]
    return tile._replace(args=other if isinstance(tile.args, str) else (other, *(tile.args or ())[1:]))
