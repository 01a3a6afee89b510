"""The first lines of a snippet: a sample or an uploaded file as an upright Pillow image, in grey or in colours."""

from __future__ import annotations

from gradviz_core.cards import ArrayFile
from gradviz_core.snippets.program import Block, comment, quoted
from gradviz_core.types import ImageFile, ModelCard

_SUFFIXES = {"JPEG": "jpg", "WEBP": "webp", "BMP": "bmp", "TIFF": "tif", "GIF": "gif"}
_NUMPY, _PILLOW = "import numpy as np", "from PIL import Image"


def opened(card: ModelCard, sample: str, upload: ImageFile | None) -> Block:
    """``image``, as large as it is in its file. ``sample`` is where a sample lies; else ``upload`` tells of the file
    that was uploaded."""
    colours = '.convert("L")' if len(card.preprocessing.mean) == 1 else '.convert("RGB")'
    if sample:
        return Block(
            (comment("A sample: run this in GradViz's folder."), f"image = Image.open({quoted(sample)}){colours}"),
            (_PILLOW,),
        )
    file = upload or ImageFile("PNG")
    if file.array is not None:
        return _of_array(file.array, colours)
    lines = [
        f'image = Image.open("your-image.{_SUFFIXES.get(file.format, "png")}")  # the file that you uploaded',
        "image = ImageOps.exif_transpose(image)  # upright",
        *(_in_8_bits(file) if file.bits > 8 else []),
        *_on_white(colours),
    ]
    return Block(tuple(lines), ("from PIL import Image, ImageOps", *([_NUMPY] if file.bits > 8 else [])))


def _on_white(colours: str) -> list[str]:
    return [
        'white = Image.new("RGBA", image.size, "white")  # under transparent places',
        f'image = Image.alpha_composite(white, image.convert("RGBA")){colours}',
    ]


def _in_8_bits(file: ImageFile) -> list[str]:
    """Grey of more than 8 bits as the app reads it; colours of 16 bits Pillow cuts to their upper 8 by itself."""
    most = 2**file.bits - 1
    invert = ["    grey = 255 - grey  # the file counts from white"] if file.white_is_zero else []
    return [
        comment(f"Grey of {file.bits} bits is scaled to 8, rounded: Pillow itself would cut it at 255."),
        'if image.mode.startswith("I;16"):',
        '    wide, clear = np.asarray(image).astype(np.uint32), image.info.get("transparency")',
        f"    grey = np.minimum((255 * wide + {most // 2}) // {most}, 255).astype(np.uint8)",
        *invert,
        "    image = Image.fromarray(grey)",
        "    if clear is not None:  # the one grey that is transparent",
        "        image.putalpha(Image.fromarray(np.where(wide == clear, 0, 255).astype(np.uint8)))",
    ]


def _of_array(file: ArrayFile, colours: str) -> Block:
    shape = {"HW": "height, width", "HWC": "height, width, channels", "CHW": "channels, height, width"}[file.axes]
    lines = [f'array = np.load("your-array.npy", allow_pickle=False)  # the file that you uploaded: {shape}']
    if file.batched:
        lines.append("array = array.reshape(array.shape[-3:])  # the axes before these have length one")
    if file.axes == "CHW":
        lines.append("array = np.moveaxis(array, 0, -1)  # channels last")
    if file.value_range is not None:
        lines += [
            f"low, high = {file.value_range[0]!r}, {file.value_range[1]!r}  # black and full colour",
            "array = (np.clip(array.astype(np.float64), low, high) - low) / (high - low)",
            "array = np.rint(255 * array).astype(np.uint8)",
        ]
    if file.axes != "HW" and file.channels == 1:
        lines.append("array = array[..., 0]")
    lines += ["image = Image.fromarray(array)", *(_on_white(colours) if file.channels == 4 else [])]
    if file.channels != 4:
        lines[-1] += colours
    return Block(tuple(lines), (_NUMPY, _PILLOW))
