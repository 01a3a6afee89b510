"""Export a model: the lines that make a file of it, and what each kind of file can do."""

import streamlit as st

from gradviz_core.settings import settings
from pages.layout import frame
from pages.shell.words import linked
from pages.uploads import bring, export_words, models

frame.heading(
    "Export a model",
    "Export your model from your own code, then upload the file. It is read as data: no code in it runs, only the "
    "operations that GradViz knows by name.",
)

st.header("Any architecture: an exported program", anchor=False)
export_words.program(export_words.EXPORT)
st.markdown(
    "`torch.export` follows one forward pass and writes it down as a graph of operations, with the names of your "
    "layers and your source lines. Every page then works as with the built-in models: saliency, neurons, feature "
    "maps. `x` must be one image: shape (1, channels, height, width). Use torch 2.9 or newer "
    "to write the file."
)
st.markdown(
    "Here it runs in evaluation mode: batch norm uses its running statistics, dropout does nothing. The image is one "
    "`float32` input of 1 or 3 channels; the size of `x` becomes the size of the input, unless you say which sides may "
    "vary:"
)
export_words.program(export_words.SIZES)
st.markdown(
    "Forward hooks are part of what the model computes, and of the file; backward hooks, on modules or on tensors, are "
    "not, so the gradients are those of the forward pass. A model that draws random numbers draws the same ones for "
    "the same random seed, set in the sidebar."
)

st.header("Weights of a known architecture", anchor=False)
export_words.program(export_words.STATE_DICT)
st.markdown("or")
export_words.program(export_words.SAFETENSORS)
st.markdown(
    "GradViz recognises the architecture by the names and shapes of the tensors: one of torchvision's classification "
    "models or of the presets, with any number of classes. A whole checkpoint will do: the weights are found in it, "
    "and what all their names begin with (`module.`, `net.backbone.`) is taken off. Where it holds several sets, such "
    "as an average beside the model, you choose one. Optimiser, arguments and other objects are left out and named."
)

st.header("What each kind of file can do", anchor=False)
st.markdown(
    """
| file | `.pt2` | `.safetensors`, or `.pt` and `.pth` with a state dict |
|---|---|---|
| architecture | any, in the file | a known one |
| layers' names | yours | the architecture's |
| source lines | yours | none |
| input size | fixed, or a range that you state | what the architecture takes |
"""
)
st.markdown(
    "A head of your own is recognised where it is one or two linear layers, with dropout or a ReLU between them, and "
    "what was assumed is said. Weights in several safetensors files with an index go into one archive, not compressed:"
)
export_words.program(export_words.SHARDS)
st.markdown(
    "Refused, with the reason: a whole module saved with `torch.save(model)` and a TorchScript file, because reading "
    "either runs code that is in the file. A state dict is a pickle too, but one that needs no code: tensors, "
    "numbers and text are read from it as data, and any Python object beside them is stepped over. Nothing is ever "
    "unpickled, evaluated or imported."
)

st.header("Names of the classes", anchor=False)
st.markdown("Optional: a text file with one name per line, in the order of the classes, or a JSON list.")
st.code(export_words.LABELS, language=None)
st.caption(
    linked(
        f"Limits here: {settings().model_mb:g} MB, {settings().max_parameters / 1e6:g} million parameters, "
        f"{settings().upload_gflop:g} billion operations in one pass. docs/export.md says more: which operations are "
        "known, several inputs, dictionary outputs."
    )
)
with st.container(horizontal=True, vertical_alignment="center"):
    bring.button("export_bring")
    models.link_to_saliency()
