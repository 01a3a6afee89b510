"""What is said of a model file before it is used: as which architecture, under which title, with which labels, of
which kind its output is, and with which preprocessing."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import streamlit as st
from streamlit.typing import UploadedFile

from gradviz_core.compute import client
from gradviz_core.drawing import slice_words
from gradviz_core.errors import BadImage, BadModel, GradVizError, UnknownImage
from gradviz_core.models import timm_shapes
from gradviz_core.serving.controls import Control
from gradviz_core.text.codec import question_to_json
from gradviz_core.text.shown_text import visible
from gradviz_core.types import Preprocessing, SurveyQuestion, keys
from gradviz_core.types.cards import MOST_SLICES, Fit, ModelReport, Recipe
from gradviz_core.types.heads import OutputKind
from gradviz_core.types.input_shapes import proposals
from pages.scores import output_kind
from pages.shell import address
from pages.shell.answer_cache import answer_cache
from pages.shell.words import plain
from pages.uploads import images, preprocessing, uploaded, uploading

LABELS = Control("labels", ("txt", "json"), "a .txt or .json file", 1.0)
LONGEST_TITLE = 80
_GUESSED = (
    "The file does not say how the training images were normalised. Mean and standard deviation are {numbers}, as a "
    "guess. Change them if your model was trained with others; otherwise the scores mean little."
)
_GUESSED_OF_BANDS = (
    "The file does not say how the bands of the training images were normalised. They are taken as they are in the "
    "image file, as a guess. Change this if your model was trained otherwise; otherwise the scores mean little."
)


def proposal(report: ModelReport, title: str) -> Recipe:
    """The recipe to start from: the best fit, or the exported model's own size.

    Raises:
        BadModel: the weights fit no architecture that is known, so there is nothing to propose.
    """
    title = visible(title)[:LONGEST_TITLE]
    if report.format == "exported":
        assert report.preprocessing is not None
        return Recipe(report.file, "", title, (), report.preprocessing, inputs=report.inputs, other=report.other)
    if not report.fits:
        raise BadModel(
            "These weights do not fit any architecture that GradViz knows. Export the whole model as a .pt2 file."
        )
    best = report.fits[0]
    reading: OutputKind | None = "numbers" if best.features else None
    return Recipe(report.file, best.architecture, title, (), best.preprocessing, reading, best.part)


def guessed(steps: Preprocessing) -> str:
    """What was guessed of the numbers of a model of pictures, and what to do."""
    return _GUESSED.format(
        numbers="both 0.5, the usual choice for grey" if len(steps.mean) == 1 else "those of ImageNet"
    )


def draw(start: Recipe, report: ModelReport | None, name: str, *, again: bool) -> bool:
    """The form; True once the model is kept, runs, and is the one in the address. ``again`` says that it was in use."""
    fit = _architecture(start, report, name)
    made = start if fit is None else replace(start, architecture=fit.architecture, part=fit.part)
    steps = start.preprocessing if fit is None or fit.architecture == start.architecture else fit.preprocessing
    title = st.text_input("Title", start.title, key=f"{name}_title", max_chars=LONGEST_TITLE)
    labels = _labels(start, name)
    reading = output_kind.field(start.reading, f"{name}_reading")
    steps = _read_as(steps, report, name)
    form = f"{name}_{made.architecture}" + ("_frames" if steps.slices_first else "")
    shapes = (report.input_shape, report.second_shape) if report is not None else ((), ())
    of_first, of_second = (f" of {name}" for name in start.inputs) if start.inputs else ("", "")
    if report is not None and report.format == "exported" and not again:
        st.info(
            slice_words.guessed(steps) if steps.slices else _GUESSED_OF_BANDS if steps.banded else guessed(steps),
        )
    steps, wrong = _preprocessing(steps, shapes[0], form, of_first)
    other = start.other
    if other is not None:
        other, also_wrong = _preprocessing(other, shapes[1], f"{form}_second", of_second)
        wrong = wrong or also_wrong
    classes = fit.classes if fit is not None else report.classes if report is not None else None
    if not st.button("Use this model", type="primary", key=f"{name}_use", disabled=wrong):
        return False
    try:
        with st.spinner("Running the model on the image …"):
            made = replace(
                made,
                title=title.strip() or start.title,
                preprocessing=steps,
                other=other,
                labels=_read(labels, name, classes),
                reading=reading,
            )
            _use(made, again=again)
            if reading != start.reading:
                address.write({"reads": ""})  # what was said just now counts
    except GradVizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return False
    return True


def _preprocessing(
    start: Preprocessing, shape: tuple[int | None, ...], form: str, of: str
) -> tuple[Preprocessing, bool]:
    """The form of how an image becomes an input, and whether something in it is wrong."""
    facts = st.empty()
    with st.expander(plain(f"Change the preprocessing{of}"), icon=":material/tune:"):
        try:
            steps = preprocessing.form(start, _fixed_size(shape), form)
        except GradVizError as error:
            refused = str(error)
        else:
            refused = ""
    if refused:
        st.error(plain(refused), icon=":material/error:")
        return start, True
    facts.caption(plain(f"Preprocessing{of}: " + " · ".join(preprocessing.facts(steps))))
    return steps, False


def _use(recipe: Recipe, *, again: bool) -> None:
    """Keep the recipe, run the model once, and put it into the address.

    Raises:
        GradVizError: it cannot be kept, or does not run.
    """
    key = client.keep_recipe(recipe)
    image = address.read("image") or images.suited(key)
    image = images.as_pair(image) if recipe.other is not None else keys.looked_at(image)
    question = SurveyQuestion(model=key, image=image)
    with suppress(UnknownImage, BadImage):  # no fault of the model: the page will say so
        answer_cache().get(question_to_json(question), lambda: client.ask(question))
    uploaded.remember_model(key, recipe)
    if again:
        address.exchange_model(key)
    else:
        address.write({"model": key})


# -------------------------------------------------------------------------------------------------------- architecture


def _architecture(start: Recipe, report: ModelReport | None, name: str) -> Fit | None:
    """The fit that is chosen; None for an exported model, and where this session does not know the file."""
    if report is None or not report.fits:
        if start.architecture:
            st.caption(plain(f"Weights of {_short(start.architecture)}."))
        return None
    fits = {_fit_key(fit.architecture, fit.part): fit for fit in report.fits}
    names = list(fits)
    before = _fit_key(start.architecture, start.part)
    index = names.index(before) if before in fits else 0
    chosen = st.selectbox(
        "Architecture", names, index=index, format_func=lambda key: fit_text(fits[key]), key=f"{name}_architecture"
    )
    fit = fits[chosen]
    if fit.differences:
        st.warning(
            plain(f"{fit.differences} tensors differ, so the file will not load as {_short(fit.architecture)}."),
            icon=":material/warning:",
        )
    elif warning := _normalised_otherwise(fit, report.fits):
        st.warning(plain(warning), icon=":material/warning:")
    return fit


def _normalised_otherwise(chosen: Fit, fits: tuple[Fit, ...]) -> str:
    """Which architectures have the same tensors and expect other numbers in the image; empty where none does."""
    others: dict[str, list[str]] = {}
    for fit in fits:
        if not fit.differences and fit.part == chosen.part:
            others.setdefault(_normalisation(fit), []).append(_short(fit.architecture))
    others.pop(_normalisation(chosen))
    if not others:
        return ""
    rest = "; ".join(f"{', '.join(names)} with {numbers}" for numbers, names in others.items())
    return (
        f"{_short(chosen.architecture)} was trained with images normalised with {_normalisation(chosen)}. Others have "
        f"the same tensors: {rest}. The file does not say which it is. With the wrong numbers the scores are wrong: "
        "choose the one that was trained, or enter its mean and standard deviation below."
    )


def _normalisation(fit: Fit) -> str:
    mean, std = (
        ", ".join(f"{value:.4g}" for value in values) for values in (fit.preprocessing.mean, fit.preprocessing.std)
    )
    return f"mean {mean} and standard deviation {std}"


def _fit_key(architecture: str, part: str) -> str:
    return f"{architecture} {part}".strip()


def fit_text(fit: Fit) -> str:
    """``resnet18, 7 classes, 122 of 122 tensors match``, and of several sets of weights in a file which they are."""
    which = f", under {visible(fit.part)}" if fit.part else ""
    differ = f", {fit.differences} differ" if fit.differences else ""
    of = f"{fit.matching} of {fit.matching + fit.differences} tensors match"
    outputs = f"{fit.classes} {'features' if fit.features else 'classes'}"
    return f"{_short(fit.architecture)}, {outputs}{_of_size(fit)}, {of}{differ}{which}"


def _of_size(fit: Fit) -> str:
    """The size of the images, where the file has another one than the architecture's name says."""
    kind, name = keys.split(fit.architecture)
    side = fit.preprocessing.size[0]
    if kind != keys.TIMM or side == timm_shapes.table()[name].preprocessing.size[0]:
        return ""
    return f", with images of {side}"


def _short(architecture: str) -> str:
    kind, name = keys.split(architecture)
    return f"{name} (timm)" if kind == keys.TIMM else name


def _fixed_size(shape: tuple[int | None, ...]) -> tuple[int | None, int | None]:
    """Height and width that an exported model with an input of this shape takes and no other; None where any goes."""
    return (shape[-2], shape[-1]) if len(shape) in (4, 5) else (None, None)


def _read_as(steps: Preprocessing, report: ModelReport | None, name: str) -> Preprocessing:
    """The steps, or where the shape of a volume's or a clip's input can be read in two ways those of the other one, if
    a person says so; with as many slices as a person wants, where the model takes any number."""
    shape = report.input_shape if report is not None else ()
    if len(shape) != 5:
        return steps
    ways = {way.slices_first: steps if way.slices_first == steps.slices_first else way for way in proposals(shape)}
    first = steps.slices_first
    if len(ways) > 1:
        first = st.segmented_control(
            "Axes of the input",
            list(ways),
            default=first,
            format_func=lambda which: slice_words.read_as(ways[which]),
            required=True,
            key=f"{name}_slices_first",
            help="The sizes alone do not say what each axis counts.",
            wrap=True,
        )
    steps = ways[bool(first)]
    if shape[steps.slice_axis] is None:
        label = f"Number of {slice_words.word(steps)}s"
        count = st.number_input(label, 1, MOST_SLICES, steps.slices, key=f"{name}_slices", width=168)
        steps = replace(steps, slices=count)
    return steps


# -------------------------------------------------------------------------------------------------------------- labels


def _labels(start: Recipe, name: str) -> str:
    """The text that holds the names of the classes. A file fills it in."""
    read = _labels_key(name)
    number, labels = st.session_state.setdefault(read, (0, start.labels))
    with st.expander("Names of the classes (optional)", icon=":material/label:"):
        place = st.empty()
        with place.container():
            file = _labels_file(name)
        if file is not None:
            sentence = ""
            try:
                labels = uploading.delivery(uploading.come(file, LABELS)).labels()
                number, _ = st.session_state[read] = (number + 1, labels)
            except GradVizError as error:
                sentence = str(error)
            uploading.let_go(f"{name}_labels_file", file)
            with place.container():
                _labels_file(name)
                if sentence:
                    st.error(plain(sentence), icon=":material/error:")
        return st.text_area(
            "One per line in the order of the classes, or a JSON list",
            "\n".join(labels),
            key=f"{name}_labels_{number}",
            height=140,
            help="A model with a single output may have two names: first the negative one, then the positive one.",
        )


def forget(name: str) -> None:
    """Let go of what was read for the form of this name, which may be megabytes of labels: it is not drawn again."""
    st.session_state.pop(_labels_key(name), None)


def _labels_key(name: str) -> str:
    return f"{name}_labels_read"


def _labels_file(name: str) -> UploadedFile | None:
    return uploading.uploader(f"{name}_labels_file", "A text file with one name per line, or a JSON list", LABELS)


def _read(text: str, name: str, classes: int | None) -> tuple[str, ...]:
    """The labels that a text holds.

    Raises:
        BadModel: they cannot be read, or are not one for each of the ``classes``. One number may have two.
    """
    _, known = st.session_state[_labels_key(name)]
    labels = known if text == "\n".join(known) else client.read_labels(text.encode()) if text.strip() else ()
    if labels and classes is not None and len(labels) != classes and (classes, len(labels)) != (1, 2):
        raise BadModel(f"There are {len(labels)} names for {classes} classes. Enter one per class in order, or none.")
    return labels
