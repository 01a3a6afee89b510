"""HEIC photos, where the package ``pillow-heif`` is installed. Its wheels hold parts under the GPL, so nothing here
asks for it: ``pip install "gradviz_core[heic]"`` does."""

from __future__ import annotations

import io

from PIL import ImageFile

from gradviz_core.errors import BadImage

MISSING = (
    "The file is a HEIC photo, and pillow-heif, which reads these, is not installed here. Export the photo as JPEG, or "
    'install it: pip install "gradviz_core[heic]".'
)


def opened(file: io.BytesIO) -> ImageFile.ImageFile:
    """The photo, opened and not decoded yet; without its previews, depth and masks, and in one thread.

    Raises:
        BadImage: ``pillow-heif`` is not installed.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise BadImage(MISSING) from error
    options = pillow_heif.options
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    options.DECODE_THREADS = 1
    photo: ImageFile.ImageFile = pillow_heif.HeifImageFile(file)  # type: ignore[no-untyped-call]
    return photo
