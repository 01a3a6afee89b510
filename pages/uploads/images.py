"""Choosing an image: a sample by its thumbnail, or an upload."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.typing import UploadedFile

from gradviz_core.errors import BadImage, GradVizError
from gradviz_core.models import catalogue
from gradviz_core.serving.arrivals import SESSION_FILES
from gradviz_core.serving.controls import Control
from gradviz_core.serving.lru_cache import LruCache
from gradviz_core.settings import settings
from gradviz_core.text.shown_text import visible
from gradviz_core.types import ImageCard, Pixels, SurveyQuestion, keys
from pages.shell import address, asking
from pages.shell.parameters import Parameter
from pages.shell.words import plain
from pages.uploads import camera, thumbnails, uploaded, uploading
from pages.uploads.refused_images import Refused
from pages.uploads.thumbnails import Group, Thumbnail, small

PARAMETERS = (Parameter("image"),)
TOLD = tuple("nii gz nrrd mat fits jxl jp2 exr hdr pnm ppm pgm svg pdf psd npz mp4 mov".split())
"""Not read, but named, with what to do."""
KINDS = (
    *"png jpg jpeg jpe jfif webp avif heic heif bmp tif tiff gif npy dcm dicom ima".split(),
    "",
    *TOLD,
)
"""Slices of scanners often have no ending."""
WHAT = "a PNG, JPEG, WebP, AVIF, HEIC, BMP, TIFF, GIF, DICOM or .npy file"
Range = tuple[float, float]
_OF_NO_MATTER: Range = (0.0, 1.0)
"""Stated for the arrays of a model that takes bands: these keep their numbers, and it takes no others."""
SAMPLES_BYTES = 5_000_000
"""Most that the thumbnails of the samples hold together."""
MOST_UPLOADS = 20
"""Uploads of a session whose thumbnails are shown, the latest: each is sent with every page, and takes up to 10 kB."""
MOST_TOGETHER = SESSION_FILES
"""Uploads that come at once, and that one set of images holds, the latest: an address has room for no more."""
_YOURS = "Your image"
_OWN = "own"
_RANGES = {"0 1": "0 to 1", "0 255": "0 to 255", "-1 1": "−1 to 1", _OWN: "Other"}


def suited(model: str) -> str:
    """Key of the image a model is first shown with: the one that its card names, else a sample of the kind it was
    trained on, else a photo."""
    named = next((card.sample for card in catalogue.presets() if card.key == model), "")
    return named or _in_order(model)[0].key


def _in_order(model: str) -> list[ImageCard]:
    """The samples, those that suit the model first, then photos."""
    return sorted(catalogue.sample_images(), key=lambda card: (model not in card.suits, card.group != "photos"))


def of_model(key: str, model: str) -> str:
    """The image as the model takes it: for one that takes two a pair, whose second is another sample of the same kind
    where only one is named; for any other model the one that is looked at."""
    return as_pair(key) if uploaded.inputs(model) else keys.looked_at(key)


def as_pair(key: str) -> str:
    """The image with another sample of the same kind behind it; a pair as it is."""
    return key if len(keys.images(key)) > 1 else keys.pair(key, _another(key))


def _another(key: str) -> str:
    """The next sample of the same kind; of an upload the first photo."""
    cards = catalogue.sample_images()
    group = next((card.group for card in cards if card.key == key), "photos")
    alike = [card.key for card in cards if card.group == group]
    return alike[(alike.index(key) + 1) % len(alike)] if key in alike else alike[0]


def words(key: str) -> str:
    """What an image is called; of two, both."""
    if len(keys.images(key)) > 1:
        return " and ".join(map(words, keys.images(key)))
    if uploaded.is_key(key):
        return f"{_YOURS} · {uploaded.short(key)}"
    return next((card.title for card in catalogue.sample_images() if card.key == key), key)


def thumbnail(key: str) -> str:
    """A small picture of an image as a ``data:`` address; empty for one that is neither a sample nor an upload of this
    session."""
    if key in _pictures():
        return _pictures()[key]
    return _sample(key) if any(card.key == key for card in catalogue.sample_images()) else ""


def every(model: str) -> dict[str, str]:
    """The key of each upload of this session and of each sample, and what it is called."""
    return {key: words(key) for key in (*_pictures(), *(card.key for card in _in_order(model)))}


def sets(model: str) -> dict[str, tuple[str, ...]]:
    """The keys of this session's uploads, where there are some, and of the samples of each kind, by what they are
    called."""
    kinds: dict[str, tuple[str, ...]] = {}
    if own := tuple(_pictures())[-MOST_TOGETHER:]:
        kinds["your images"] = own
    for card in _in_order(model):
        kinds[card.group] = (*kinds.get(card.group, ()), card.key)
    return kinds


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place for an image: the only one, or one of two."""

    title: str
    model: str
    image: str
    """What the address names: one image, or both."""
    place: int = 0

    @property
    def chosen(self) -> str:
        """The image that stands here."""
        return keys.images(self.image)[self.place]

    @property
    def mark(self) -> str:
        """What tells its controls from those of another place."""
        return "_second" if self.place else ""

    def with_image(self, key: str) -> str:
        """What the address names with another image here."""
        found = self.looked_at(key)
        return keys.turned(found) if keys.place(self.image) != self.place else found

    def looked_at(self, key: str) -> str:
        """The same with this image looked at."""
        here = self.image if keys.place(self.image) == self.place else keys.turned(self.image)
        return keys.exchanged(here, key)


def pick(chosen: str, model: str) -> None:
    """The image, or each of the two that the model takes and which of them the gradient is of: thumbnails of this
    session's uploads and of the samples, none of which has bands, what is known of the chosen one, and a way to upload
    one more."""
    names = uploaded.inputs(model)
    if len(keys.images(chosen)) != 2 or not names:
        _pick(_Slot("Image", model, chosen))
        return
    for place, (order, name) in enumerate(zip(("First image", "Second image"), names, strict=True)):
        _pick(_Slot(f"{order}: {name}", model, chosen, place))
    looked_at = st.segmented_control(
        "Gradient of",
        names,
        default=names[keys.place(chosen)],
        format_func=plain,
        required=True,
        key=f"looked_at_{chosen}",
        help="Every picture is of this image, with the other one held as it is.",
        wrap=True,
    )
    if names.index(looked_at) != keys.place(chosen):
        address.write({"image": keys.turned(chosen)})
        st.rerun()


def _pick(slot: _Slot) -> None:
    st.markdown(plain(slot.title))
    chosen, model = slot.chosen, slot.model
    bands = uploaded.takes_bands(model, slot.place)
    if groups := [*_own(), *([] if bands else _groups(model))]:
        thumbnails.pick(
            groups, chosen, lambda key: address.write({"image": slot.with_image(key)}), visible(slot.title), slot.mark
        )
    if keys.kind(chosen) == keys.SAMPLE and not bands:
        _say(chosen, model)
    refused: Refused = st.session_state.get(f"images_refused{slot.mark}", Refused())
    if refused.beside == chosen:
        refused.say()
    done = st.session_state.setdefault("images_uploaded", 0)  # a new popover is a closed one
    with st.popover(
        "Upload an image", icon=":material/upload:", width="stretch", key=f"upload_image{slot.mark}_{done}"
    ):
        _choose_files(slot)
        st.caption(
            "An image is stored under a name derived from its contents. Anyone with the address of the page can see it."
        )


def _own() -> list[Group]:
    uploads = tuple(Thumbnail(key, words(key), picture) for key, picture in _pictures().items())
    return [Group("Your images", uploads, open=True)] if uploads else []


def _groups(model: str) -> list[Group]:
    """The samples by kind; the kind that suits the model first, and open."""
    kinds: dict[str, list[ImageCard]] = {}
    for card in _in_order(model):
        kinds.setdefault(card.group, []).append(card)
    first = next(iter(kinds))
    return [
        Group(kind.capitalize(), tuple(Thumbnail(c.key, c.title, _sample(c.key)) for c in cards), open=kind == first)
        for kind, cards in kinds.items()
    ]


def _say(chosen: str, model: str) -> None:
    """Who made a photo, and why the model that it is for names it wrongly; nothing of an address without a sample."""
    card = next((card for card in catalogue.sample_images() if card.key == chosen), None)
    if card is not None and card.group == "photos":
        st.caption(plain(" ".join([f"{card.title}: {card.credit}, {card.licence}.", _note(card, model)]).strip()))


def _note(card: ImageCard, model: str) -> str:
    of_imagenet = model in card.suits or keys.kind(model) == keys.TORCHVISION
    return card.note if of_imagenet else ""


def remember(key: str, pixels: Pixels) -> bool:
    """Give an upload its thumbnail: what the network sees of it, of slices the middle one, of two images the one looked
    at. True where it had none."""
    key = keys.looked_at(key)
    new = has_no_picture(key)
    if new:
        _pictures()[key] = small(pixels if pixels.ndim == 3 else pixels[len(pixels) // 2])
        if len(_pictures()) > MOST_UPLOADS:
            del _pictures()[next(iter(_pictures()))]
    return new


def has_no_picture(key: str) -> bool:
    """Whether this is an upload without a thumbnail."""
    return uploaded.is_key(key) and key not in _pictures()


def _pictures() -> dict[str, str]:
    pictures: dict[str, str] = st.session_state.setdefault("uploads", {})
    return pictures


def _sample(key: str) -> str:
    picture = _small_samples().get(key)
    if picture is None:
        file = catalogue.image_file(catalogue.sample_image(keys.name(key)))
        with Image.open(file) as opened:
            picture = small(np.asarray(opened.convert("RGB")))
        _small_samples().keep(key, picture)
    return picture


@st.cache_resource(show_spinner=False)
def _small_samples() -> LruCache[str]:
    return LruCache(SAMPLES_BYTES)


# -------------------------------------------------------------------------------------------------------------- upload


def _choose_files(slot: _Slot) -> None:
    """The uploader, or the camera; what is wrong with a file is said below it, until the next thing that is done;
    where another was taken, as long as that is shown."""
    kind, draw = _way(slot.mark)
    name = f"{kind}{slot.mark}"
    place = st.empty()
    with place.container():
        files = draw(name)
        if not files:
            return
        keeps = uploaded.keeps_numbers(slot.model, slot.place)
        arrays = 0 if keeps else sum(uploading.kind(file) == "npy" for file in files)
        asked = arrays > 0
        bands = uploaded.takes_bands(slot.model, slot.place)
        value_range = _range(name) if asked else _OF_NO_MATTER if bands else None
        button = "Use this array" if arrays == 1 else "Use these arrays"
        if asked and not st.button(button, key=f"{name}_array", type="primary"):
            return
    refused = Refused(several=len(files) > 1)
    with st.spinner("Reading the image …" if len(files) == 1 else f"Reading {len(files)} images …"):
        taken = [
            key
            for file in files
            if (key := _taken(file, value_range, refused)) and _fits(key, file.name, slot, refused)
        ]
    if taken or not asked:  # an array may be read with another range
        for file in files:
            uploading.let_go(name, file)
        with place.container():
            draw(name)
    if not taken:
        refused.say()
        return
    refused.beside = taken[0]
    st.session_state[f"images_refused{slot.mark}"] = refused
    address.write({"image": slot.with_image(taken[0])})
    st.session_state["images_uploaded"] += 1
    st.rerun()


def _way(mark: str) -> tuple[str, Callable[[str], list[UploadedFile]]]:
    """What kind of control images come through, and what draws it under a name."""
    if camera.wanted(mark):
        return "photo", _camera
    return ("folder", _folder) if st.toggle("A whole folder", key=f"take_folder{mark}") else ("upload", _uploader)


def _taken(file: UploadedFile, value_range: Range | None, refused: Refused) -> str:
    """The key under which the service keeps a file; empty where it was refused."""
    try:
        come = uploading.come(file, _control())
        report = uploading.delivery(come).image(_checked(value_range if uploading.kind(file) == "npy" else None))
    except GradVizError as error:
        refused.add(error, file.name)
        return ""
    uploading.keep(come)
    uploaded.image_reports()[report.key] = report
    return report.key


def _fits(key: str, file: str, slot: _Slot, refused: Refused) -> bool:
    """Whether the model takes this image, which gets its thumbnail then. Where it cannot be told, the page that shows
    the image says why."""
    try:
        asked = SurveyQuestion(model=slot.model, image=slot.looked_at(key))
        remember(key, asking.ask_in_part(asked).pixels)
    except BadImage as error:
        refused.add(error, file)
        return False
    except GradVizError:
        return True
    return True


def _control() -> Control:
    return Control("image", KINDS, WHAT, settings().upload_mb)


def _uploader(name: str) -> list[UploadedFile]:
    label = f"One to {MOST_TOGETHER} files: PNG, JPEG, WebP, AVIF, TIFF and others"
    return uploading.several(name, label, _control())


def _folder(name: str) -> list[UploadedFile]:
    return uploading.folder(name, f"A folder of at most {MOST_TOGETHER} images", _control())


def _camera(name: str) -> list[UploadedFile]:
    photo = uploading.camera(name, "A photo of now", _control())
    return [photo] if photo else []


def _range(name: str) -> Range:
    """The values that stand for black and for full colour in an array."""
    st.markdown(
        "An array does not say which value is black and which is full colour. For a model that takes bands this does "
        "not matter: an array of 2 to 16 bands keeps its numbers."
    )
    chosen = st.segmented_control(
        "Its values run from",
        list(_RANGES),
        default="0 1",
        format_func=_RANGES.__getitem__,
        required=True,
        key=f"{name}_range",
        wrap=True,
    )
    if chosen != _OWN:
        low, high = map(float, chosen.split())
        return low, high
    with st.container(horizontal=True):
        low = st.number_input("Black", value=0.0, key=f"{name}_low", format="%g", width=128)
        high = st.number_input("Full colour", value=1.0, key=f"{name}_high", format="%g", width=128)
    return low, high


def _checked(value_range: Range | None) -> Range | None:
    """Raises BadImage where the range is none."""
    if value_range is not None and not (all(map(math.isfinite, value_range)) and value_range[0] < value_range[1]):
        low, high = value_range
        raise BadImage(f"The range cannot be {low:g} to {high:g}: the first must be below the second.")
    return value_range
