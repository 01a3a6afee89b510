"""What a layer gives."""

from gradviz_core.types.method_cards import MethodCard

CARD = MethodCard(
    name="Activation",
    in_text="activation",
    sentence="The activation of $site",
    formula=r"$x",
    unit="unit of activation",
    signed=True,
    colours="$High: the value is positive; $low: it is negative.",
    brightness="$High: the value is large in magnitude; $low: small.",
    shows="What the layer computes at each place of the image, before anything else is asked.",
    limits="Whether any of it matters to the score: no score and no gradient is in it.",
    source="Zeiler & Fergus 2014",
    link="https://arxiv.org/abs/1311.2901",
    bibtex="""@inproceedings{zeiler2014visualizing,
  title = {Visualizing and Understanding Convolutional Networks},
  author = {Zeiler, Matthew D. and Fergus, Rob},
  booktitle = {European Conference on Computer Vision},
  year = {2014},
  url = {https://arxiv.org/abs/1311.2901}
}""",
    code=("found = value.detach()",),
    where="layer",
)
