"""The first lines of a snippet: a sample or an uploaded file as an upright Pillow image, in grey or in colours."""

from __future__ import annotations

from gradviz_core.drawing.snippets.program import GRADVIZ, INSTALL, Block, comment, quoted
from gradviz_core.types import ImageFile, ModelCard, keys
from gradviz_core.types.cards import ArrayFile, Scaling, SliceFile

SUFFIXES = {
    "JPEG": "jpg",
    "WEBP": "webp",
    "BMP": "bmp",
    "TIFF": "tif",
    "GIF": "gif",
    "AVIF": "avif",
    "HEIC": "heic",
}
"""How the name of a file ends, by its format; others end as PNG."""
_NUMPY, _PILLOW = "import numpy as np", "from PIL import Image"


def opened(card: ModelCard, sample: str, upload: ImageFile | None) -> Block:
    """``image``, as large as it is in its file. ``sample`` is the key of a sample; else ``upload`` tells of the file
    that was uploaded."""
    colours = '.convert("L")' if len(card.preprocessing.mean) == 1 else '.convert("RGB")'
    if sample:
        return Block(
            (
                comment(f"A sample, which comes with GradViz: {INSTALL}"),
                f"image = Image.open(gv.catalogue.sample_file({quoted(keys.name(sample))})){colours}",
            ),
            (_PILLOW, GRADVIZ),
        )
    file = upload or ImageFile("PNG")
    if file.array is not None:
        return _of_array(file.array, colours)
    if file.slice is not None:
        return _of_slice(file.slice, colours)
    suffix = SUFFIXES.get(file.format, "png")
    if file.scaling is not None and file.scaling.chosen != "all" and not file.mode.startswith("I;16"):
        return _of_wide_colours(file, file.scaling, suffix, colours)
    lines = [
        *(["pillow_heif.register_heif_opener()  # pip install pillow-heif"] if file.format == "HEIC" else []),
        f'image = Image.open("your-image.{suffix}")  # the file that you uploaded',
        "image = ImageOps.exif_transpose(image)  # upright",
        *(_in_8_bits(file) if file.scaling is not None else []),
        *_on_white(colours),
    ]
    imports = [
        *([_NUMPY] if file.scaling is not None else []),
        *(["import pillow_heif"] if file.format == "HEIC" else []),
    ]
    return Block(tuple(lines), ("from PIL import Image, ImageOps", *imports))


def _on_white(colours: str) -> list[str]:
    return [
        'white = Image.new("RGBA", image.size, "white")  # behind transparent pixels',
        f'image = Image.alpha_composite(white, image.convert("RGBA")){colours}',
    ]


def _in_8_bits(file: ImageFile) -> list[str]:
    """Grey of more than 8 bits as the app reads it; colours that use 16 bits Pillow cuts to their upper 8 by itself."""
    assert file.scaling is not None
    invert = ["    grey = 255 - grey  # in this file 0 is white"] if file.white_is_zero else []
    return [
        comment("Grey of more than 8 bits is scaled to 8 and rounded: Pillow itself would clip it at 255."),
        'if image.mode.startswith("I;16"):',
        '    wide, clear = np.asarray(image).astype(np.float64), image.info.get("transparency")',
        f"    {_low_and_high(file.scaling)}",
        "    grey = np.rint((np.clip(wide, low, high) - low) / (high - low) * 255).astype(np.uint8)",
        *invert,
        "    image = Image.fromarray(grey)",
        "    if clear is not None:  # the grey value that is transparent",
        "        image.putalpha(Image.fromarray(np.where(wide == clear, 0, 255).astype(np.uint8)))",
    ]


def _low_and_high(scaling: Scaling) -> str:
    bits = "" if scaling.used is None else f": {scaling.used} bits"
    low, high = (repr(int(end) if end == int(end) else end) for end in (scaling.low, scaling.high))
    return f"low, high = {low}, {high}  # the values that become 0 and 255{bits}"


def _of_wide_colours(file: ImageFile, scaling: Scaling, suffix: str, colours: str) -> Block:
    """Colours of 16 bits of which fewer are used: Pillow would keep their upper 8, which are nearly black."""
    name = f'"your-image.{suffix}"'
    if file.format == "TIFF":
        reading = [f"wide = tifffile.imread({name})  # pip install tifffile"]
        imports = ["import tifffile"]
    else:
        reading = [
            f'wide = torchvision.io.decode_image({name}, "UNCHANGED").numpy()  # channels, height, width',
            "wide = np.moveaxis(wide, 0, -1)",
        ]
        imports = ["import torchvision"]
    if file.mode == "RGB":
        reading.append("wide = wide[..., :3]")
    lines = [
        comment(f"The file that you uploaded. Of its {scaling.bits} bits Pillow would keep the upper 8."),
        *reading,
        _low_and_high(scaling),
        "eight = np.rint((np.clip(wide, low, high) - low) / (high - low) * 255).astype(np.uint8)",
    ]
    if file.mode == "RGBA":
        lines += [
            "if wide[..., -1].max() > high:  # alpha that uses all 16 bits",
            "    eight[..., -1] = wide[..., -1] >> 8",
        ]
    mode = ', "CMYK"' if file.mode == "CMYK" else ""
    lines += [
        f"image = Image.fromarray(eight{mode})",
        f"image.getexif()[274] = Image.open({name}).getexif().get(274, 1)",
        "image = ImageOps.exif_transpose(image)  # upright",
        *_on_white(colours),
    ]
    return Block(tuple(lines), (_NUMPY, "from PIL import Image, ImageOps", *imports))


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


def _of_slice(file: SliceFile, colours: str) -> Block:
    lines = ['slice = pydicom.dcmread("your-slice.dcm")  # the file that you uploaded']
    numbers = "slice.pixel_array" + ("[0]  # the first frame" if file.frames > 1 else "")
    if file.value_range is not None:
        low, high = file.value_range
        lines += [
            f"numbers = {numbers}",
            "values = pydicom.pixels.apply_rescale(numbers, slice)  # slope · numbers + intercept",
            f"low, high = {low!r}, {high!r}  # the values that become 0 and 255",
            "pixels = np.rint((np.clip(values, low, high) - low) / (high - low) * 255).astype(np.uint8)",
            *(["pixels = 255 - pixels  # in this file the lowest value is white"] if file.inverted else []),
        ]
    else:
        lines.append(f"pixels = {numbers}")
        if file.colours == "palette":
            lines.append("pixels = pydicom.pixels.apply_color_lut(pixels, slice)")
        if file.bits != 8:
            lines.append(f"pixels = np.rint(pixels / {2**file.bits - 1} * 255).astype(np.uint8)")
    lines.append(f"image = Image.fromarray(pixels){colours}")
    return Block(tuple(lines), (_NUMPY, _PILLOW, "import pydicom  # pip install pydicom"))
