"""AppTest looks through every installed package for components, anew for each app that a test opens: a tenth of a
second, more than half of what opening a page takes. They are looked through once.

The name is Streamlit's own, tried with 1.67. Where it is gone, tests only take longer.
"""

from __future__ import annotations

from functools import cache

from streamlit.components.v2 import manifest_scanner

if hasattr(manifest_scanner, "scan_component_manifests"):
    manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
