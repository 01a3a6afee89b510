"""The sign in the browser's tab and the name above the sidebar, inside the page itself: nothing is fetched for them."""

from base64 import b64encode
from pathlib import Path

ADDRESS = f"data:image/png;base64,{b64encode((Path(__file__).parent / 'icon.png').read_bytes()).decode('ascii')}"
LOGO = (Path(__file__).parent / "logo.svg").read_text(encoding="utf-8")
