"""How every program starts: the image as the network sees it, and the model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gradviz_core.drawing.snippets import bands, volumes
from gradviz_core.drawing.snippets.guarding import guard
from gradviz_core.drawing.snippets.opening import opened
from gradviz_core.drawing.snippets.program import GRADVIZ, INSTALL, Block, comment, quoted
from gradviz_core.types import HeadInfo, ImageFile, Site, SiteInfo, SurveyAnswer, keys
from gradviz_core.types.cards import ModelCard, Preprocessing
from gradviz_core.types.class_words import class_text
from gradviz_core.types.head_forms import meant
from gradviz_core.types.heads import Head, HeadForm

_AUXILIARY = ("googlenet", "inception_v3")
_TORCH = "import torch"
_TRANSFORMS = "from torchvision import transforms"


@dataclass(frozen=True, slots=True)
class Held:
    """The image that is held while a program of two images is looked at through the other."""

    sample: str = ""
    """As in ``Setting``, like ``upload``."""
    upload: ImageFile | None = None

    @staticmethod
    def of(survey: SurveyAnswer) -> Held | None:
        """The one of a survey; None of a model that takes one image."""
        key = keys.held(survey.question.image)
        return Held("" if keys.is_upload(key) else key, survey.held) if key else None


@dataclass(frozen=True, slots=True)
class Setting:
    """What a program must know of a model and an image to load them."""

    card: ModelCard
    sites: tuple[SiteInfo, ...]
    """What the survey of the model on the image found."""
    sample: str = ""
    """Key of the sample; empty for an upload."""
    upload: ImageFile | None = None
    """How an uploaded picture lies in its file."""
    architecture: str = ""
    """What the weights of an uploaded file are for; empty for an exported model, and for one that is no upload."""
    guarded: bool = False
    """Whether PyTorch's own gradient of the model is wrong, so that a program must see to it."""
    draw: int | None = None
    """Where the random numbers begin that the model draws in evaluation mode; None where it draws none."""
    heads: tuple[HeadInfo, ...] = ()
    """What the survey says of the tensors that the model returns."""
    slice: int | None = None
    """Which slice of a volume or clip a picture shows; None where the model takes one picture."""
    held: Held | None = None
    """Of a model that takes two images the one that is not ``sample`` or ``upload``."""

    @property
    def exported(self) -> bool:
        """Whether the model is an uploaded ``.pt2`` file."""
        return keys.is_upload(self.card.key) and not self.architecture

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the network's input."""
        return self.card.preprocessing.input_shape

    def head_info(self, head: Head, form: HeadForm) -> HeadInfo:
        """What the survey says of the head that is meant."""
        infos = {info.item: info for info in self.heads}
        item = head.item if head.item is not None else meant({i: info.shape for i, info in infos.items()}, form)
        assert item is not None, "the target was answered, so there is such a head"
        return infos[item]

    def site_info(self, site: Site) -> SiteInfo:
        """What the survey says of a site."""
        return next(info for info in self.sites if info.site == site)

    def output(self, item: str) -> str:
        """An item of what the model returned, in code."""
        return f"output{output_item(item)}"

    def value(self, site: Site) -> str:
        """The value of a site, in code."""
        return "value" if site.path else self.output(site.item)

    def index(self, index: int) -> str:
        """The line that names a class."""
        labels = self.card.labels
        return f"index = {index}" + (f"  {comment(class_text(index, labels)[:60])}" if index < len(labels) else "")


def output_item(item: str) -> str:
    """``[0]`` for an element of a tuple, ``["out"]`` for one of a dictionary, one after the other when nested."""
    return "".join(f"[{part}]" if part.isdigit() else f"[{quoted(part)}]" for part in item.split(".") if part)


# --------------------------------------------------------------------------------------------------------------- image


def picture(setting: Setting) -> Block:
    """``image``, a Pillow image, resized and cropped as the network sees it; of bands an array (C, H, W). Before it
    ``held``, the input of a network of two images that is held."""
    held, one = held_image(setting), looked_at(setting)
    return Block((*held.lines, "", *one.lines), (*held.imports, *one.imports)) if held is not None else one


def held_image(setting: Setting) -> Block | None:
    """``held``. The names that both images need come first with the held one, then with the other. None where the
    network takes one image."""
    if setting.held is None:
        return None
    steps, names, held = setting.card.other, setting.card.inputs, setting.held
    assert steps is not None, "the model takes two images"
    of_held = replace(setting, card=replace(setting.card, preprocessing=steps), sample=held.sample, upload=held.upload)
    blocks = looked_at(of_held), numbers(of_held)
    lines = [line.replace('"your-', '"held-') for block in blocks for line in block.lines]
    said = comment(f"The network takes two images. First the one that is held, {names[1 - setting.card.looked_at]}.")
    return Block((said, *lines, "held = x.detach()"), (_TORCH, *(line for block in blocks for line in block.imports)))


def looked_at(setting: Setting) -> Block:
    """``image`` alone, as in ``picture``."""
    steps = setting.card.preprocessing
    resize, extra = _resize(steps)
    fit = [
        "fit = transforms.Compose([",
        f"    {resize},",
        *([f"    transforms.CenterCrop({steps.size}),"] if steps.resize is not None else []),
        "])",
    ]
    if steps.slices:
        return volumes.picture(setting.card, setting.sample, setting.upload, fit, (_TRANSFORMS, *extra))
    if steps.banded:
        return bands.picture(setting.upload, fit, (_TRANSFORMS, *extra))
    start = opened(setting.card, setting.sample, setting.upload)
    lines = [*start.lines, *fit, "image = fit(image)"]
    return Block((comment("The image as the network sees it."), *lines), (*start.imports, _TRANSFORMS, *extra))


def numbers(setting: Setting) -> Block:
    """``x``, the network's input, which gradients reach."""
    steps = setting.card.preprocessing
    if steps.slices:
        return volumes.numbers(steps, _numbers(steps.mean), _numbers(steps.std))
    if steps.banded:
        return bands.numbers(steps, setting.shape, _numbers(steps.mean), _numbers(steps.std))
    flip = ["    transforms.Lambda(lambda planes: planes.flip(0)),  # to blue, green, red"]
    lines = (
        comment("The values that the network receives: (pixel / 255 - mean) / standard deviation."),
        "prepare = transforms.Compose([",
        "    transforms.ToTensor(),",
        *(flip if steps.channels == "bgr" and len(steps.mean) == 3 else []),
        f"    transforms.Normalize(mean={_numbers(steps.mean)}, std={_numbers(steps.std)}),",
        "])",
        f"x = prepare(image)[None].requires_grad_()  # {setting.shape}",
    )
    return Block(lines, (_TRANSFORMS,))


def _resize(steps: Preprocessing) -> tuple[str, tuple[str, ...]]:
    size = steps.size if steps.resize is None else steps.resize
    if steps.interpolation == "bilinear":
        return f"transforms.Resize({size})", ()
    mode = f"InterpolationMode.{steps.interpolation.upper()}"
    return f"transforms.Resize({size}, {mode})", ("from torchvision.transforms import InterpolationMode",)


def _numbers(values: tuple[float, ...]) -> str:
    return f"[{', '.join(f'{float(v)!r}' for v in values)}]"


# --------------------------------------------------------------------------------------------------------------- model


def model(setting: Setting, *, by_layer: bool = False, gradient: bool = True) -> Block:
    """``model``, in evaluation mode. ``by_layer`` keeps the author's layers of an exported model, to put hooks on;
    without ``gradient`` it is only run."""
    loaded = _loaded(setting, by_layer)
    if setting.draw is not None:
        loaded = _with_draw(loaded, setting.draw)
    if not (setting.guarded and gradient):
        return loaded
    more = guard()
    return Block((*loaded.lines, "", *more.lines), (*loaded.imports, *more.imports), more.functions)


def _with_draw(loaded: Block, draw: int) -> Block:
    lines = (
        comment("It draws random numbers in evaluation mode too: every pass starts from the same seed."),
        f"model.register_forward_pre_hook(lambda *_: torch.manual_seed({draw}) and None)",
    )
    return Block((*loaded.lines, *lines), (*loaded.imports, _TORCH))


def _loaded(setting: Setting, by_layer: bool) -> Block:
    kind, rest = keys.split(setting.card.key)
    match kind:
        case keys.PRESET:
            needs = "It comes with GradViz too." if setting.sample else f"Only this line needs GradViz: {INSTALL}"
            said = comment(f"The model, in evaluation mode. {needs}")
            return Block((said, f"model = gv.load({quoted(setting.card.key)})"), (GRADVIZ,))
        case keys.TORCHVISION:
            return _torchvision(rest)
        case keys.TIMM:
            return _timm(rest)
    return _exported(setting, by_layer) if setting.exported else _with_weights(setting)


def _torchvision(rest: str) -> Block:
    name, weights = keys.split_weights(rest)
    imports = ("import torchvision",)
    if (seed := keys.seed(weights)) is None:
        line = f"model = torchvision.models.get_model({quoted(name)}, weights={quoted(weights)}).eval()"
        return Block((comment("The model, in evaluation mode."), line), imports)
    auxiliary = ", init_weights=True, aux_logits=False" if name in _AUXILIARY else ""
    lines = (
        comment("The model with random weights, in evaluation mode."),
        f"torch.manual_seed({seed})",
        f"model = torchvision.models.get_model({quoted(name)}, weights=None{auxiliary}).eval()",
    )
    return Block(lines, (_TORCH, *imports))


def _timm(rest: str) -> Block:
    name, weights = keys.split_weights(rest)
    lines = (
        comment("The model with random weights, in evaluation mode."),
        f"torch.manual_seed({keys.seed(weights) or 0})",
        f"model = timm.create_model({quoted(name)}, pretrained=False, num_classes=1000).eval()",
    )
    return Block(lines, (_TORCH, "import timm"))


def _with_weights(setting: Setting) -> Block:
    build, imports = _built(setting)
    loose = keys.name(setting.architecture) in _AUXILIARY
    lines = (
        comment("Your weights in their architecture. weights_only=True reads tensors and runs no code from the file."),
        *build,
        'file = "your-weights.pt"  # or .safetensors; a checkpoint may hold them deeper, as in state["model"]',
        'if file.endswith(".safetensors"):',
        "    state = load_file(file)",
        "else:",
        '    state = torch.load(file, map_location="cpu", weights_only=True)',
        *(
            ("model.load_state_dict(state, strict=False)  # not strict: the auxiliary heads only help in training",)
            if loose
            else ("model.load_state_dict(state)",)
        ),
        "model.eval()",
        comment(
            "Where the file has other names (timm's, Hugging Face's, a prefix) or another head, let GradViz read it: "
            f"model = weights_files.build({quoted(setting.architecture)}, "
            "weights_files.read(pathlib.Path(file).read_bytes()).tensors), from gradviz_core.uploads."
        ),
    )
    return Block(lines, (_TORCH, "from safetensors.torch import load_file", *imports))


def _built(setting: Setting) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines that build the architecture, and what they import."""
    kind, whole = keys.split(setting.architecture)
    name, _, stem = whole.partition("+")
    classes = next((info.shape[-1] for info in reversed(setting.sites) if not info.site.path), 0)
    if kind == keys.PRESET:
        needs = "this line needs GradViz too" if setting.sample else "only this line needs GradViz"
        line = f"model = build({quoted(name)}, classes={classes})  # {needs}"
        return (line,), ("from gradviz_core.models.architectures import build",)
    if kind == keys.TIMM:
        line = f"model = timm.create_model({quoted(name)}, pretrained=False, num_classes={classes})"
        return (line,), ("import timm",)
    options = f"weights=None, num_classes={classes}"
    if name in _AUXILIARY:
        options += ", init_weights=False, aux_logits=False"
    elif name.startswith("vit_"):
        options += f", image_size={setting.card.preprocessing.size[0]}"
    changed = ("model.conv1 = torch.nn.Conv2d(3, 64, 3, padding=1, bias=False)",) if stem else ()
    unpooled = ("model.maxpool = torch.nn.Identity()",) if stem == "small-stem" else ()
    line = f"model = torchvision.models.get_model({quoted(name)}, {options})"
    return (line, *changed, *unpooled), ("import torchvision",)


def _exported(setting: Setting, by_layer: bool) -> Block:
    said = "Your exported model. torch.export.load can run code from the file: only load files that you trust."
    load = 'torch.export.load("your-model.pt2")'
    if setting.held is not None:
        return _of_two_images(setting, by_layer, said, load)
    line = f"model = torch.export.unflatten({load})  # with its layers" if by_layer else f"model = {load}.module()"
    return Block((comment(said), line), (_TORCH,))


def _of_two_images(setting: Setting, by_layer: bool, said: str, load: str) -> Block:
    """``model``, a function of the image that is looked at."""
    both = "[held, args[0]]" if setting.card.looked_at else "[args[0], held]"
    lines = (
        comment(said),
        f"program = {load}",
        "model = torch.export.unflatten(program)  # with its layers" if by_layer else "model = program.module()",
        "",
        "",
        "def with_the_held_image(module, args, kwargs):  # both, in the order and the form that the program takes",
        f"    return program.call_spec.in_spec.unflatten({both})",
        "",
        "",
        "model.register_forward_pre_hook(with_the_held_image, with_kwargs=True, prepend=True)",
    )
    return Block(lines, (_TORCH,))
