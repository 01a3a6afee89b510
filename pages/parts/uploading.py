"""A file that was chosen in the browser, on its way to the service: looked at before it is sent, let go of after.

The upload endpoint knows neither the types that a control names nor what a session has sent already, so both are
checked here, before a byte is read.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePath

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.typing import UploadedFile

from gradviz_core.errors import BadImage, BadModel
from gradviz_core.settings import settings

LONGEST_NAME = 60


def kind(file: UploadedFile) -> str:
    """The file's extension, in small letters, without the dot."""
    return PurePath(file.name).suffix.lower().removeprefix(".")


def stem(file: UploadedFile) -> str:
    """The file's name without its extension, cut to a readable length."""
    return PurePath(file.name).stem[:LONGEST_NAME]


def size_text(size: int) -> str:
    """``46.8 MB``, ``312 kB``."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{max(1, round(size / 1e3))} kB"


def check(
    file: UploadedFile, kinds: Collection[str], what: str, limit_mb: float, error: type[BadImage] | type[BadModel]
) -> None:
    """Raise ``error`` where the file has another extension than ``kinds``, which ``what`` names, or is empty, or is
    larger than it or this session may be."""
    name = repr(file.name[:LONGEST_NAME])
    if kind(file) not in kinds:
        raise error(f"{name} is no file of a kind that is read here. Choose {what}.")
    if not file.size:
        raise error(f"{name} is empty. Choose another file.")
    if file.size > limit_mb * 1_000_000:
        raise error(f"{name} has {size_text(file.size)}; the limit is {limit_mb:g} MB. Choose a smaller file.")
    most, sent = settings().session_mb, st.session_state.get("uploaded_bytes", 0)
    if sent + file.size > most * 1_000_000:
        raise error(
            f"{name} has {size_text(file.size)}, and this session has uploaded {size_text(sent)} of the {most:g} MB it "
            "may. Choose a smaller file, or go on with what is here."
        )


def count(file: UploadedFile) -> None:
    """Add a file that was sent to what this session has uploaded."""
    st.session_state["uploaded_bytes"] = st.session_state.get("uploaded_bytes", 0) + file.size


def key(name: str) -> str:
    """The key of the uploader ``name``, which is a new one after ``let_go``."""
    return f"{name}_{st.session_state.setdefault(f'{name}_number', 0)}"


def let_go(name: str, file: UploadedFile) -> None:
    """Empty the uploader ``name``, and free the bytes: they are in the store now, or were refused."""
    st.session_state[f"{name}_number"] = st.session_state.get(f"{name}_number", 0) + 1
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
