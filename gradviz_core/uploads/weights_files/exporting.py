"""The program that exports a network which GradViz does not build, with the names that its file gives away."""

from __future__ import annotations

from collections.abc import Mapping

from gradviz_core.models import timm_shapes
from gradviz_core.uploads.weights_files import dialects
from gradviz_core.uploads.weights_files.tensors import Loadable


def program(tensors: Mapping[str, Loadable]) -> str:
    """Where the weights are of a library that is known: four lines of PyTorch that export them; else nothing."""
    found = dialects.to_torchvision(tensors)
    if not found.library:
        return ""
    timm = {name: tensor.shape for name, tensor in dialects.to_timm(tensors).items()}
    timm = {name: shape for name, shape in timm.items() if not name.endswith("num_batches_tracked")}
    names = timm_shapes.with_these(timm)
    side = (timm_shapes.image_side(names[0], timm) if names else None) or 224
    if found.library == dialects.HUGGING_FACE:
        build = 'model = AutoModelForImageClassification.from_pretrained("folder-of-the-file").eval()'
        imports = "import torch; from transformers import AutoModelForImageClassification"
    else:
        name = names[0] if names else "the_name_in_timm"
        build = f'model = timm.create_model("{name}", checkpoint_path="your-file", num_classes={_classes(timm)}).eval()'
        imports = "import timm, torch"
    return "\n".join(
        (
            imports,
            build,
            f"program = torch.export.export(model, (torch.randn(1, 3, {side}, {side}),))",
            'torch.export.save(program, "model.pt2")',
        )
    )


def _classes(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Length of the last linear layer; 0 where there is none."""
    heads = ("head.weight", "head.fc.weight", "classifier.weight", "fc.weight")
    return next((shapes[name][0] for name in heads if len(shapes.get(name, ())) == 2), 0)
