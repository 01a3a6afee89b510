"""Where things are on Streamlit's page, and on Plotly's charts, as selectors: for styles, and for the few lines in the
page that look for them.

None of these names is promised. Where one is gone, a style is missing or a button does nothing. (``st-key-...``, the
class of what has a key, is a promise of Streamlit's.)
"""

from __future__ import annotations

APP = "[data-testid=stApp]"
MAIN = "[data-testid=stMain]"
SIDEBAR = "[data-testid=stSidebar]"
CLOSE_SIDEBAR = "[data-testid=stSidebarCollapseButton] button"
LINK_IN_SIDEBAR = "[data-testid=stSidebarNavLink]"
LAYOUT = "[data-testid=stLayoutWrapper]"
"""What a container with a key lies in."""
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
"""The chart's own button that makes a file of it."""
CLOSED_SIDEBAR_NOTE = "stSidebarCollapsed-"
"""How the names begin under which the browser remembers that the sidebar was left closed or open."""
