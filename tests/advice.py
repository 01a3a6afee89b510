"""What a refusal may tell a person to do next. ``test_next_steps.py`` follows those that come with code; the others are
one line, or something that a person does with a file.

Files that programs wrote badly or that somebody made to do harm get the same advice as a damaged one, for nobody else
has them: to save or export the model again.
"""

from __future__ import annotations

import re

ADVICE = (
    r"Save it again with torch\.save or torch\.export\.save, and upload that file as it is\.",
    r'Save the state dict alone: torch\.save\(model\.state_dict\(\), "weights\.pt"\)\.',
    r"[Ss]ave the weights again( with safetensors\.torch\.save_file)?\.",
    r"Save it again with torch\.save\.",
    r"take the weights out of it, and choose the file that comes\.",
    r"Export it where you have its code: a \.pt2 file brings its own architecture\.",
    r"Export the model again\.",
    r"Export it again with torch 2\.9 or newer\.",
    r"(Rewrite that part of the model|Rename it|Rename one of them|Call model\.float\(\)), "
    r"and export (it|the model) again\.",
    r"docs/export\.md lists the supported operations; rewrite that part of the model\.",
    r"Export (it (without|for|with)|a (smaller|model|wrapper)|one model|model\.eval\(\)) ?[^.]*\.",
    r"Call model\.eval\(\)[^.]*\.",
    r"Call \.contiguous\(\) on it before exporting\.",
    r"[Cc]hoose (a|another|that|the|among)\b.*\.",
    r"Upload it where images are chosen\.",
    r"Put index and files into one archive without compression: .*",
)
"""Each as a regular expression for the end of a refusal."""
OF_PICTURES = (
    r"[Cc]hoose (a|an|another) ([^.]|\.npy)*\.",
    r"[Cc]hoose another\.",
    r"Save it again, or choose another\.",
    r"(Save|Export) it again\.",
    r"[Ss]ave (the channels|the first of them|fewer rows and columns|them) [^.]*, and upload bands\.npy\.",
    r"Put the bands first, and upload bands\.npy\.",
    r"Replace them in Python, and upload bands\.npy\.",
    r"upload slice\.npy, and enter its range\.",
    r"Unpack it in Python, and upload plain\.dcm\.",
    r"save three of the bands as an array of 3 × height × width, such as array\[\[2, 1, 0\]\], and upload it\.",
    r"Upload an image with (\d+) bands, such as a TIFF of \1 bands, or a \.npy file of an array of \1 × [^.]*\.",
    r"(Save|Export) [^.]* (as|or as) ((JPEG|JPEG or )?PNG|JPEG)( in the size you want)?\.",
    r"(Save|Export) [^.]* as (JPEG or )?PNG, (and upload that|or its numbers with numpy\.save)\.",
    r"Export the photo as JPEG, or install it: pip install \"gradviz_core\[heic\]\"\.",
    r"Save it with LZW(, with| or) Deflate,? or without (compression|a predictor)\.",
    r"Save it with LZW or Deflate, or without a predictor\.",
    r"Save it as a NumPy array \(\.npy\) and enter the range, or save it with 8 bits\.",
    r"Save one of its frames alone\.",
    r"Save one of its arrays in Python, upload that, and enter its range\.",
    r"If it is an \.npz, save one of its arrays; else unpack it\.",
    r"Save (its numbers|one array of it) with numpy\.save( and enter their range)?\.",
    r"Save a smaller part of it, or fewer rows and columns: array\[\.\.\., ::\d+, ::\d+(, :)?\]\.",
    r"Replace them, for example with numpy\.nan_to_num(\(array, nan=0\))?, and save it again\.",
    r"Convert it with array\.astype\('float32'\) and save it again\.",
    r"Save its magnitude: numpy\.abs\(array\)\.",
    r"Save one of its fields alone\.",
    r"Save it (again )?with numpy\.save\.",
    r"Reshape it and save it again\.",
    r"Save an array of \d+ × slices × height × width\.",
    r"Upload a \.npy file of an array of \d+ × slices × height × width\.",
    r"Cut it so that only one has \d+\.",
    r"Save a smaller part of it, or every second slice: array\[::2\]\.",
    r"Save fewer or smaller frames\.",
    r"Save them as a NumPy array \(\.npy\) of slices × height × width\.",
    r"Save pages of one size, of 8 bits\.",
    r"Save one slice of it, such as array\[0\], and upload that\.",
    r"Save it as an array, a \.npy file\.",
    r"Save it as channels × slices × height × width, with numpy\.moveaxis\.",
    r"Run git lfs pull, and choose it again\.",
    r"Unpack it\.",
    r"Save the picture itself, not the page that shows it\.",
    r"Enter the (values of black and white|range, such as 0 to 1)\.",
    r"Enter the range, such as 0 to 1\. For a model that takes a volume or a clip, save it as 1 × 1 × slices × "
    r"height × width: its numbers are kept\.",
    r"Save three slices as array\.reshape\(1, 1, \*array\.shape\[-3:\]\), and a picture as a PNG\.",
    r"Save the pages as a NumPy array, and upload array\.npy\.",
    r"(only for images of 9 to 16 bits|no range can be chosen for it)\.",
)
"""The same for pictures. The last is about a range that is chosen for one that is taken already."""
_END = [re.compile(rf"(?:{one})\Z", re.DOTALL) for one in ADVICE]
_END_OF_PICTURES = [re.compile(rf"(?:{one})\Z", re.DOTALL) for one in OF_PICTURES]


def ends_with_advice(refusal: str) -> bool:
    """Whether a refusal of a model says at its end what to do next."""
    return any(one.search(refusal) for one in _END)


def tells_what_to_do(refusal: str) -> bool:
    """The same of a picture."""
    return any(one.search(refusal) for one in _END_OF_PICTURES)
