"""For the very first visit of a fresh server: Streamlit looks for an address here before it runs ``navigation.py``."""

import runpy
from pathlib import Path

runpy.run_path(str(Path(__file__).parents[1] / "navigation.py"))
