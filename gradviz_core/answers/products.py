"""The Jacobian of one value with respect to another in the pass of a scene, as products with vectors."""

from __future__ import annotations

from gradviz_core.answers.scene import Scene
from gradviz_core.methods.jacobian import Products
from gradviz_core.tracing.trace import Trace, forward
from gradviz_core.types import INPUT, Site


def products_of(scene: Scene, of: Site, wrt: Site) -> Products:
    """Products with ∂of/∂wrt from both sides."""

    def again() -> Trace:
        x = scene.trace.values[INPUT].detach()
        return forward(scene.model.module, x, keep={of, wrt}, seed=scene.seed)

    return Products(scene.trace, of, wrt, again)
