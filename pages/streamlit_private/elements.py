"""Selectors of elements on Streamlit's page and in Plotly's charts, for styles and for the scripts in the page.

None of these names is a public interface. If one is gone, a style is missing or a button does nothing.
(``st-key-...``, the class of an element with a key, is documented by Streamlit.)
"""

from __future__ import annotations

APP = "[data-testid=stApp]"
MAIN = "[data-testid=stMain]"
VIEW = "[data-testid=stAppViewContainer]"
MAIN_BLOCK = "[data-testid=stMainBlockContainer]"
HEADER = "[data-testid=stHeader]"
SIDEBAR = "[data-testid=stSidebar]"
OPEN_SIDEBAR = "[data-testid=stExpandSidebarButton]"
PAGES_IN_SIDEBAR = "[data-testid=stSidebarNav]"
"""Streamlit lists the pages there on a narrow screen."""
SIDEBAR_OF_THE_PAGE = "[data-testid=stSidebarUserContent]"
LINK_IN_SIDEBAR = "[data-testid=stSidebarNavLink]"
CLOSE_SIDEBAR = "[data-testid=stSidebarCollapseButton] button"
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
CHART_LAYER = "svg.main-svg"
"""Within a chart: the drawings that lie on top of each other."""
CHART_WORDS = ":is(.xtick, .ytick, [class^=g-x], [class^=g-y], .cbaxis, .cbtitle) text, .legendtext"
"""Within a layer: the words whose colour is the theme's."""
CHART_GRID = ".gridlayer path"
"""Within a layer: the lines behind the points."""
CHART_OVER = ":is(.hoverlayer, .draglayer)"
"""Within a layer: what shows up under the pointer only."""
CLOSED_SIDEBAR_NOTE = "stSidebarCollapsed-"
"""Prefix of the names under which the browser remembers whether the sidebar was left closed or open."""
