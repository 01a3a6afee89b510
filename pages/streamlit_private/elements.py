"""Selectors of elements on Streamlit's page and in Plotly's charts, for styles and for the scripts in the page.

None of these names is a public interface. If one is gone, a style is missing or a button does nothing.
(``st-key-...``, the class of an element with a key, is documented by Streamlit.)
"""

from __future__ import annotations

APP = "[data-testid=stApp]"
MAIN = "[data-testid=stMain]"
SIDEBAR = "[data-testid=stSidebar]"
CLOSE_SIDEBAR = "[data-testid=stSidebarCollapseButton] button"
LINK_IN_SIDEBAR = "[data-testid=stSidebarNavLink]"
LAYOUT = "[data-testid=stLayoutWrapper]"
"""The parent of a container with a key."""
PRIMARY_BUTTON = "[data-testid^=stBaseButton-primary]"
UPLOAD_RULES = "[data-testid=stFileUploaderDropzoneInstructions]"
GRAPH = "[data-testid=stGraphVizChart]"
CODE = "[data-testid=stCode]"
UNWRAPPED = 'code[style*="pre;"]'
"""Within it, code whose lines are not wrapped."""
WORDS_OF_CODE = ".stCode .token"
"""With its kind as another class: ``.keyword``, ``.string``."""
CHART = ".js-plotly-plot"
KEEP_CHART = ".modebar-btn"
"""The chart's button that saves it as a file."""
CLOSED_SIDEBAR_NOTE = "stSidebarCollapsed-"
"""Prefix of the names under which the browser remembers whether the sidebar was left closed or open."""
