"""Programs for the people whose file is refused as a picture: they save what can be uploaded."""

from __future__ import annotations

import math

from gradviz_core.uploads.next_steps import FILE

_DICOM = f"file = pydicom.dcmread({FILE!r})\n"
_BANDS = f"import numpy as np\nimport tifffile\n\nbands = tifffile.imread({FILE!r}, key=0)\n"


def thinned(numbers: int, most: int) -> str:
    """The index by which an array of bands loses rows and columns until there are at most so many numbers:
    ``..., ::2, ::2``."""
    step = math.isqrt(int(1.05 * numbers / most)) + 1  # lengths are rounded up
    return f"..., ::{step}, ::{step}"


def slice_of_nifti(places: str) -> str:
    """The program that saves this slice of a NIfTI volume, turned as it is usually looked at."""
    return (
        f"import nibabel\nimport numpy as np\n\nvolume = nibabel.load({FILE!r}).get_fdata()\n"
        f'np.save("slice.npy", np.rot90(volume[{places}]))\n'
    )


def slice_of_nrrd() -> str:
    """The program that saves the middle slice of an NRRD volume."""
    return (
        f"import nrrd  # pip install pynrrd\nimport numpy as np\n\nvolume, _ = nrrd.read({FILE!r})\n"
        'np.save("slice.npy", volume[:, :, volume.shape[2] // 2])\n'
    )


def array_of_matlab() -> str:
    """The program that saves one array of a MATLAB file."""
    return (
        f"import numpy as np\nimport scipy.io\n\narrays = scipy.io.loadmat({FILE!r})\nprint(arrays.keys())\n"
        'np.save("array.npy", arrays["the name of one"])\n'
    )


def array_of_fits() -> str:
    """The program that saves the numbers of a FITS image."""
    return (
        f"import numpy as np\nfrom astropy.io import fits\n\nnumbers = fits.getdata({FILE!r})\n"
        'np.save("array.npy", np.ascontiguousarray(numbers, np.float32))\n'
    )


def array_of_hdf5() -> str:
    """The program that saves one array of an HDF5 file."""
    return (
        f"import h5py\nimport numpy as np\n\nwith h5py.File({FILE!r}) as file:\n    print(list(file))\n"
        '    np.save("array.npy", file["the name of one"][...])\n'
    )


def array_of_npz() -> str:
    """The program that saves one array of a NumPy archive."""
    return (
        f"import numpy as np\n\narrays = np.load({FILE!r})\nprint(arrays.files)\n"
        'np.save("array.npy", arrays["the name of one"])\n'
    )


def array_of_tiff(*, first_page: bool = True) -> str:
    """The program that saves the numbers of a TIFF: of its first page, or of all."""
    read = f"tifffile.imread({FILE!r}, key=0)  # the first page" if first_page else f"tifffile.imread({FILE!r})"
    return f'import numpy as np\nimport tifffile\n\narray = {read}\nnp.save("array.npy", array)\n'


def unpacked_dicom(needs: str) -> str:
    """The program that writes a DICOM file without compression; ``needs`` are packages that pydicom needs for it."""
    first = f"# pip install {needs}\n" if needs else ""
    return f'{first}import pydicom\n\n{_DICOM}file.decompress()\nfile.save_as("plain.dcm")\n'


def numbers_of_dicom(found: str) -> str:
    """The program that saves ``found``, the numbers of a DICOM ``file``."""
    return f'import numpy as np\nimport pydicom\n\n{_DICOM}np.save("slice.npy", {found})\n'


def bands_of_tiff(found: str = "bands", *, last: bool) -> str:
    """The program that saves ``found``, made of all ``bands`` of a TIFF; ``last`` says that they lie behind height and
    width in it. Four bands lie first where they are saved, or they would be read as a picture."""
    first = "bands = np.moveaxis(bands, -1, 0)\n" if last else ""
    return f'{_BANDS}{first}np.save("bands.npy", {found})\n'


def bands_of_picture() -> str:
    """The program that saves the channels of a picture as bands."""
    return (
        f"import numpy as np\nfrom PIL import Image\n\nchannels = np.asarray(Image.open({FILE!r}))\n"
        'np.save("bands.npy", np.moveaxis(channels, -1, 0))\n'
    )


def bands_first() -> str:
    """The program that puts the last axis of an array first."""
    return f'import numpy as np\n\nnp.save("bands.npy", np.moveaxis(np.load({FILE!r}), -1, 0))\n'
