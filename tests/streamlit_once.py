"""What AppTest does anew for each app that a test opens is done once: to look through every installed package for
components takes a tenth of a second, more than half of what opening a page takes, and to compile the pages' scripts
a twentieth of the rest.

The names are Streamlit's own, tried with 1.67. Where one is gone, tests only take longer.
"""

from __future__ import annotations

from functools import cache

from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import local_script_runner

for module, name in ((manifest_scanner, "scan_component_manifests"), (local_script_runner, "ScriptCache")):
    if found := getattr(module, name, None):
        setattr(module, name, cache(found))
