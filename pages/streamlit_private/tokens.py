"""The token that a browser sends with an upload, so that no other website can upload in its name.

Streamlit makes it and checks it. If these private names are gone, no token is valid, and nothing can be uploaded.
"""

from __future__ import annotations

from starlette.datastructures import Headers

from pages.streamlit_private.names import found

_is_asked_for = found("streamlit.web.server.server_util", "is_xsrf_enabled")
_is_valid = found("streamlit.web.server.starlette.starlette_app_utils", "validate_xsrf_token")
_COOKIE = found("streamlit.web.server.starlette.starlette_server_config", "XSRF_COOKIE_NAME")
_cookies = found("starlette.requests", "cookie_parser")


def is_right(headers: Headers) -> bool:
    """Whether the token in the header is the one in the cookie."""
    if _is_asked_for is None or _is_valid is None or _COOKIE is None or _cookies is None:
        return False
    cookie = _cookies(headers.get("cookie", "")).get(_COOKIE)
    return not _is_asked_for() or bool(_is_valid(headers.get("x-xsrftoken"), cookie))
