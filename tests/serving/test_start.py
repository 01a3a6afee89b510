"""What has to be there before the first page is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RACE = """
import sys, types
import numpy as np
import plotly.graph_objects as go
if "load first" in sys.argv:
    import pandas
half = types.ModuleType("pandas")  # as it is while another thread loads it
sys.modules.setdefault("pandas", half)
go.Figure(go.Image(z=np.zeros((2, 2, 3), np.uint8)))
"""


def test_a_figure_is_drawn_while_another_page_needs_its_first_table() -> None:
    """Fifty people, and the first of them opened the doctor: 14 pages of others ended with an error of Plotly's."""
    run = [sys.executable, "-c", RACE]
    failed = subprocess.run(run, capture_output=True, check=False)
    assert b"AttributeError: module 'pandas' has no attribute" in failed.stderr
    subprocess.run([*run, "load first"], check=True)
    program = "import app, sys; sys.exit(not hasattr(sys.modules.get('pandas'), 'Series'))"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True)
