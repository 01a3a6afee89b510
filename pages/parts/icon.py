"""The sign in the browser's tab, inside the page itself: nothing is fetched from anywhere for it."""

from base64 import b64encode
from pathlib import Path

ADDRESS = f"data:image/png;base64,{b64encode((Path(__file__).parent / 'icon.png').read_bytes()).decode('ascii')}"
