"""Where things are on Streamlit's page: its test ids and attributes, which it does not promise to keep. Tried with
Streamlit 1.67; if a name changes, it is changed here."""

from __future__ import annotations

from string import Template

ALERT = "stAlert"
ALERT_CONTENT_ERROR = "stAlertContentError"
APP = "stApp"
CODE = "stCode"
DATA_FRAME = "stDataFrame"
DIALOG = "stDialog"
ELEMENT = "stElementContainer"
EXCEPTION = "stException"
FORM = "stForm"
HEADER_LOGO = "stHeaderLogo"
GRAPH_VIZ_CHART = "stGraphVizChart"
LAYOUT_WRAPPER = "stLayoutWrapper"
MAIN = "stMain"
"""Also the id of the element."""
MARKDOWN = "stMarkdown"
PLOTLY_CHART = "stPlotlyChart"
POPOVER_BODY = "stPopoverBody"
POPOVER_BUTTON = "stPopoverButton"
SIDEBAR = "stSidebar"
SIDEBAR_NAV = "stSidebarNav"
SIDEBAR_NAV_ITEMS = "stSidebarNavItems"
SIDEBAR_NAV_LINK = "stSidebarNavLink"
SKELETON = "stSkeleton"
TOP_NAV_LINK = "stTopNavLink"
TOP_NAV_MENU_LINK = "stTopNavDropdownLink"
TOP_NAV_SECTION = "stTopNavSection"
SPINNER = "stSpinner"

_SELECTORS = {name: f"[data-testid={value}]" for name, value in list(globals().items()) if name.isupper()}
_SELECTORS |= {
    "NUMBER_INPUT_STEPS": "[data-testid^=stNumberInputStep]",
    "IDLE_APP": f"[data-testid={APP}][data-test-script-state=notRunning]",
    "SCRIPT_STATE": "data-test-script-state",
    "SIDEBAR_COLLAPSED": "stSidebarCollapsed",
}
"""What ``filled`` puts in: selectors, an attribute of the app, and what names in the browser's storage begin with."""


def filled(text: str) -> str:
    """A selector or a script in which each ``$APP`` is replaced by the selector of that element."""
    return Template(text).safe_substitute(_SELECTORS)
