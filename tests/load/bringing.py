"""What a person does to bring a picture or a model."""

from __future__ import annotations

from tests.load.screen import plain
from tests.load.tab import PATIENCE_S, Tab


class NotTaken(Exception):
    """The page does not take a file, and says why."""


async def picture(tab: Tab, name: str, data: bytes, *, patience_s: float = PATIENCE_S) -> str:
    """Upload a picture; its key, which the address holds from then on.

    Raises:
        NotTaken: the page says why not.
    """
    before = tab.address.get("image")
    screen = await tab.upload(r"upload_\d+", name, data, patience_s=patience_s)
    if tab.address.get("image") == before:  # else it was taken, whatever the page says of a question about it
        raise NotTaken(f"{name}: {' '.join(screen.errors) or 'nothing is said'}")
    return tab.address["image"]


async def model(tab: Tab, name: str, data: bytes, *, patience_s: float = PATIENCE_S) -> str:
    """Bring a model, and use it as the dialog proposes; its key, which the address holds from then on.

    Raises:
        NotTaken: the page says why not.
    """
    await tab.press("Bring your own model", patience_s=patience_s)
    if any(plain(button.label) == "Choose another file" for button in tab.screen.of("button")):
        await tab.press("Choose another file", patience_s=patience_s)
    before = tab.address.get("model")
    screen = await tab.upload(r"model_file_\d+", name, data, patience_s=patience_s)
    if not any(plain(button.label) == "Use this model" for button in screen.of("button")):
        raise NotTaken(f"{name}: {' '.join(screen.errors) or 'nothing is said'}")
    screen = await tab.press("Use this model", patience_s=patience_s)
    if tab.address.get("model") == before:
        raise NotTaken(f"{name}: {' '.join(screen.errors) or 'nothing is said'}")
    return tab.address["model"]
