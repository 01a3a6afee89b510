"""A layer output beside the site that a question is about."""

from __future__ import annotations

from collections.abc import Mapping

from gradviz_core.answers.scene import Scene
from gradviz_core.errors import QuestionError
from gradviz_core.methods.attributions import Inside
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import describe, differentiate, forward, reached
from gradviz_core.types import INPUT, Site, SiteInfo, Target, layouts
from gradviz_core.types.sites import no_such_site, site_name


def inside(scene: Scene, target: Target, name: str) -> Inside:
    """The value of a layer output with rows and columns in a pass of its own, and the gradient there. The name is that
    of its site; an empty one stands for the last such output.

    Raises:
        QuestionError: it has no rows and columns, or the model has no such output.
        UnknownSite: no layer of that name ran.
        Unreachable: no path leads from it to the score.
    """
    trace = forward(scene.model.module, scene.trace.values[INPUT].detach(), seed=scene.seed)
    info = _chosen(name, {info.site: info for info in describe(trace)})
    score = targets.select(target, trace)[1]
    slope = differentiate(trace, score, (info.site,), keep_graph=False)[info.site]
    return Inside(
        site_name(info.site, info.calls),
        trace.value(info.site).detach(),
        reached(info.site, slope, target),
        layouts.channel_axis(info),
    )


def _chosen(name: str, infos: Mapping[Site, SiteInfo]) -> SiteInfo:
    size = layouts.picture_size(infos.values())
    if not name:
        if (last := layouts.last_with_rows_and_columns(tuple(infos.values()), size)) is None:
            raise QuestionError("No layer output of this model has rows and columns. Choose a method without a layer.")
        return last
    site = Site.parse(name)
    if site not in infos:
        raise no_such_site(site, infos)
    info = infos[site]
    if site.path == INPUT.path or not layouts.is_rows_and_columns(info, size):
        raise QuestionError(
            f"Grad-CAM needs a layer output with rows and columns over the image, and "
            f"{site_name(site, info.calls)} has the shape {info.shape}. Choose one that has them, as a convolution's."
        )
    return info
