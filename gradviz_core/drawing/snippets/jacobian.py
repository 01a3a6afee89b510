"""The code of a Jacobian, entry by entry."""

from __future__ import annotations

from gradviz_core.drawing.snippets.maps import as_pictures
from gradviz_core.drawing.snippets.program import MAP_TENSORS, Block, comment, program, quoted
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, output_item, picture
from gradviz_core.types import INPUT, Site, SiteInfo
from gradviz_core.types.sites import site_name

_BY_PRODUCTS = "computed only from products with vectors (Halko, Martinsson and Tropp 2011)"
_SUMMED = Block(("shown = maps.sum(dim=0).numpy()",))


def jacobian(setting: Setting, of: Site, wrt: Site, rows: tuple[int, int], block: tuple[int, int] = (1, 1)) -> str:
    """``shown`` is ∂of_i / ∂wrt_j for the rows i from the first to before the second, and all columns j, both values
    laid flat: (rows, columns). Where a cell is drawn for a ``block`` of so many rows and columns, it holds the entry
    that is largest in magnitude, with its sign."""
    about = f"The Jacobian of {site_name(of)}, rows {rows[0]} to {rows[1] - 1}, with respect to {site_name(wrt)}."
    if block == (1, 1):
        return _from_rows(setting, about, of, wrt, rows, ("shown = torch.stack(rows).numpy()",))
    lines = (
        comment(
            f"Too many entries to draw: of each block of {block[0]}×{block[1]}, the one that is largest in "
            "magnitude, with its sign."
        ),
        "matrix = torch.stack(rows)[None]",
        f"highest = torch.nn.functional.max_pool2d(matrix, {block}, ceil_mode=True)[0]",
        f"lowest = -torch.nn.functional.max_pool2d(-matrix, {block}, ceil_mode=True)[0]",
        "shown = torch.where(highest >= -lowest, highest, lowest).numpy()",
    )
    return _from_rows(setting, about, of, wrt, rows, lines)


def sensitivities(setting: Setting, of: Site, wrt: Site, rows: tuple[int, int], size: int = 1) -> str:
    """``shown`` is the L2 norm of each of those rows; of ``size`` rows at a time the largest."""
    about = (
        f"The L2 norm of each row of the Jacobian of {site_name(of)}, rows {rows[0]} to {rows[1] - 1}, "
        f"with respect to {site_name(wrt)}."
    )
    norms = "torch.stack(rows).double().norm(dim=1)"
    if size == 1:
        return _from_rows(setting, about, of, wrt, rows, (f"shown = {norms}.numpy()",))
    lines = (
        comment(f"Too many rows to draw: the largest norm of every {size}."),
        f"norms = {norms}[None]",
        f"shown = torch.nn.functional.max_pool1d(norms, {size}, ceil_mode=True)[0].numpy()",
    )
    return _from_rows(setting, about, of, wrt, rows, lines)


def singular_values(setting: Setting, of: Site, wrt: Site, rows: tuple[int, int], count: int) -> str:
    """``shown`` holds the ``count`` largest singular values of those rows, from every entry."""
    about = f"The {count} largest singular values of the Jacobian of {site_name(of)} with respect to {site_name(wrt)}."
    last = (f"shown = torch.linalg.svdvals(torch.stack(rows).double())[:{count}].numpy()",)
    return _from_rows(setting, about, of, wrt, rows, last)


def singular_values_by_products(setting: Setting, of: Site, wrt: Site, rows: tuple[int, int], count: int) -> str:
    """``shown`` holds the ``count`` largest singular values of a Jacobian too large to write down, to about 0.01 %."""
    about = (
        f"The {count} largest singular values of the Jacobian of {site_name(of)}, rows {rows[0]} to "
        f"{rows[1] - 1}, with respect to {site_name(wrt)}, {_BY_PRODUCTS}."
    )
    return program(about, *_to_and_fro(setting, of, wrt, rows, count), Block(("shown = values.numpy()",)))


def first_direction(setting: Setting, of: Site, wrt: SiteInfo, rows: tuple[int, int], count: int) -> str:
    """``shown`` is the first right singular vector of a Jacobian too large to write down, over the places of ``wrt``,
    summed over its channels with its sign. It comes from the iteration that gives ``count`` singular values."""
    about = (
        f"The direction in {site_name(wrt.site, wrt.calls)} that changes {site_name(of)}, rows {rows[0]} to "
        f"{rows[1] - 1}, most, summed over channels, {_BY_PRODUCTS}."
    )
    lines = (
        comment("The first singular vector, with the sign that makes its largest entry positive."),
        "first = torch.linalg.svd(directions, full_matrices=False).U[:, 0]",
        "found = (first * first[first.abs().argmax()].sign()).reshape(inputs.shape)",
    )
    start = _to_and_fro(setting, of, wrt.site, rows, count)
    return program(about, *start, Block(lines), *as_pictures(wrt), _SUMMED)


def one_output(setting: Setting, of: Site, wrt: SiteInfo, number: int) -> str:
    """``shown`` is one row of the Jacobian over the places of ``wrt``, summed over its channels with its sign."""
    about = (
        f"How output {number} of {site_name(of)} changes with {site_name(wrt.site, wrt.calls)}, summed over channels."
    )
    lines = (
        comment("The gradient of this output; zeros where it does not depend on the inputs."),
        f"output = outputs.flatten()[{number}]",
        "(found,) = torch.autograd.grad(output, inputs, materialize_grads=True)",
    )
    start = picture(setting), numbers(setting), model(setting, by_layer=True), _forward(setting, of, wrt.site)
    return program(about, *start, Block(lines, ("import torch",)), *as_pictures(wrt), _SUMMED)


def _to_and_fro(setting: Setting, of: Site, wrt: Site, rows: tuple[int, int], count: int) -> tuple[Block, ...]:
    """``values``, the largest singular values of the matrix, and ``directions``, which has these and the same right
    singular vectors: its columns are the matrix's transpose times an orthonormal basis of the left ones."""
    lines = (
        f"outputs = outputs.flatten()[{rows[0]}:{rows[1]}]",
        "",
        "",
        "def pull(u):  # the vector u times the matrix: one backward pass",
        "    (found,) = torch.autograd.grad(outputs, inputs, u, retain_graph=True, materialize_grads=True)",
        "    return found.flatten()",
        "",
        "",
        comment("The same product, kept differentiable: it is linear in u."),
        "u = torch.zeros_like(outputs, requires_grad=True)",
        "(linear,) = torch.autograd.grad(outputs, inputs, u, create_graph=True, materialize_grads=True)",
        "",
        "",
        "def push(v):  # the matrix times the vector v: the derivative of that with respect to u",
        "    v = v.reshape(inputs.shape)",
        "    (found,) = torch.autograd.grad(linear, u, v, retain_graph=True, materialize_grads=True)",
        "    return found.flatten()",
        "",
        "",
        "def products(multiply, vectors):",
        "    return torch.stack([multiply(vector) for vector in vectors.T], dim=1)",
        "",
        "",
        comment("Random directions, multiplied back and forth until the values converge to the largest."),
        f"count = min({count}, outputs.numel(), inputs.numel())",
        "size = min(2 * count, outputs.numel(), inputs.numel())",
        "directions = torch.randn(inputs.numel(), size, generator=torch.Generator().manual_seed(0))",
        "values = torch.zeros(count, dtype=torch.float64)",
        "for _ in range(60):",
        "    left, _ = torch.linalg.qr(products(push, torch.linalg.qr(directions)[0]))",
        "    directions = products(pull, left)",
        "    before, values = values, torch.linalg.svdvals(directions.double())[:count]",
        "    if torch.allclose(values, before, rtol=1e-5, atol=1e-6 * values[0]):",
        "        break",
    )
    start = picture(setting), numbers(setting), model(setting, by_layer=True)
    return *start, _forward(setting, of, wrt, twice=True), Block(lines, ("import torch",))


def _from_rows(setting: Setting, about: str, of: Site, wrt: Site, rows: tuple[int, int], last: tuple[str, ...]) -> str:
    """A program whose ``last`` lines find ``rows``, a list with the gradient of each of those outputs, laid flat."""
    lines = (
        comment("One backward pass for each row; zeros where an output does not depend on an input."),
        "rows = []",
        f"for i in range({rows[0]}, {rows[1]}):",
        "    (row,) = torch.autograd.grad(outputs.flatten()[i], inputs, retain_graph=True, materialize_grads=True)",
        "    rows.append(row.flatten())",
    )
    start = picture(setting), numbers(setting), model(setting, by_layer=True)
    return program(about, *start, _forward(setting, of, wrt), Block((*lines, *last), ("import torch",)))


def _forward(setting: Setting, of: Site, wrt: Site, *, twice: bool = False) -> Block:
    """``outputs`` and ``inputs``, exactly as they are at their sites; ``twice``, so that they can be differentiated
    twice."""
    why = (
        "Forward pass that keeps both values. The hooks return clones: the next in-place ReLU or += then overwrites "
        "the clone and not the kept value."
    )
    watch = (
        "kept = {}",
        "",
        "",
        "def keep(path):",
        "    def hook(module, inputs, output):",
        "        kept.setdefault(path, []).append(output)",
        "        return map_tensors(torch.clone, output)",
        "",
        "    return hook",
        "",
        "",
    )
    paths = sorted({site.path for site in (of, wrt) if site != INPUT})
    hooks = [f"model.get_submodule({quoted(path)}).register_forward_hook(keep({quoted(path)}))" for path in paths]
    if setting.exported:  # torch.export.unflatten may make a layer of its own, relu@1, for another call of relu
        hooks = [
            "for name, module in model.named_modules():",
            '    path = re.sub(r"@\\d+", "", name)  # the calls of one layer may be relu, relu@1',
            f"    if path in [{', '.join(map(quoted, paths))}]:",
            "        module.register_forward_hook(keep(path))",
        ]
    run = ("with sdpa_kernel(SDPBackend.MATH):  # fused attention can be differentiated only once", "    model(x)")
    lines = (comment(why), *watch, *hooks, *(run if twice else ["model(x)"]))
    imports = ["import torch"]
    if setting.exported:
        imports.append("import re")
    if twice:
        imports.append("from torch.nn.attention import SDPBackend, sdpa_kernel")
    return Block((*lines, f"outputs = {_kept(of)}", f"inputs = {_kept(wrt)}"), tuple(imports), (MAP_TENSORS,))


def _kept(site: Site) -> str:
    return "x" if site == INPUT else f"kept[{quoted(site.path)}][{site.call}]{output_item(site.item)}"
