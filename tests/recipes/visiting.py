"""Open a page of the copy that this runs in, and print as JSON what is there: picture, caption, code and download."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import gradviz_core as gv
from gradviz_core.compute import inline
from gradviz_core.compute.downloads import Wanted, reply
from gradviz_core.serving.offers import Arrays, Page, offers
from tests import snippet_runs
from tests.opening import answer_here, chart, errors, opened, texts, values


def visit(
    page: str,
    choices: Mapping[str, str],
    picture: str = "",
    program: str = "",
    moved: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """The page at an address; then with some sliders moved. ``picture`` is the key of a chart with a heatmap,
    ``program`` the tab of the panel "PyTorch" that must give its numbers."""
    with pytest.MonkeyPatch.context() as patch:
        asked = answer_here(patch)
        app = opened(page, **choices)
        for key, value in (moved or {}).items():
            app.slider(key=f"shown_{key}").set_value(value).run()
        seen: dict[str, Any] = {
            "errors": errors(app),
            "texts": texts(app) + [caption.value for caption in app.caption],
            "headings": [heading.value for heading in (*app.title, *app.header)],
            "address": {name: str(value) for name, value in app.query_params.items()},
            "options": {str(one.key): list(one.options) for one in (*app.button_group, *app.selectbox)},
            "models": [str(option) for box in app.selectbox if box.key == "shown_model" for option in box.options],
            "kinds": [question.kind for question in asked],
        }
        seen |= _drawn(app, picture, program) if picture else {}
        return seen | _download()


def _drawn(app: AppTest, picture: str, program: str) -> dict[str, Any]:
    """The numbers of a picture, and how far those of its program are from them, as a share of their length."""
    drawn = values(chart(app, picture))
    programs = dict(zip([tab.label for tab in app.tabs], [block.value for block in app.code], strict=True))
    with TemporaryDirectory() as folder:
        shown = snippet_runs.run(programs[program], Path(folder))
    return {
        "size": float(np.abs(drawn).max()),
        "apart": snippet_runs.error(shown, drawn.astype(np.float64)),
        "code": programs[program],
    }


def _download() -> dict[str, Any]:
    """The arrays that are offered, as a worker of the service hands them over, and what stands above pictures."""
    made = [offer.what for _, offer in offers()._offers.values()]
    offered = [what.question for what in made if isinstance(what, Arrays)]
    titles = [line for what in made if isinstance(what, Page) for line in what.title()]
    if not offered:
        return {}
    file = io.BytesIO()

    def hand_over(size: int, write: Callable[[Callable[[bytes], Any]], None]) -> bool:
        write(file.write)
        return True

    assert reply(inline.ask, Wanted(offered[-1]), hand_over)[0] == "ok"
    with np.load(io.BytesIO(file.getvalue())) as found:
        shapes = {name: found[name].shape for name in found}
    return {"question": json.loads(offered[-1]), "arrays": shapes, "titles": titles}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(visit(**json.loads(sys.argv[1])) | {"library": gv.__file__}) + "\n")
