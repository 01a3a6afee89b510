"""A file that was chosen in the browser: its control waits for it, and what has come of it is asked for here.

What Streamlit holds is a note in the file's place, written by ``gradviz_core.serving.uploads``; the file itself lies
with the compute service.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePath

import streamlit as st
from streamlit.typing import UploadedFile

from gradviz_core.errors import UploadRefused
from gradviz_core.serving import arrivals
from gradviz_core.serving.arrivals import Delivery, Incoming
from gradviz_core.serving.controls import LONGEST_NAME, Control, ending
from gradviz_core.serving.notes import Note
from pages.streamlit_private import elements, run

STYLE = f"""
{elements.UPLOAD_RULES} {{ display: none; }}
{elements.POPOVER_BODY} {{ max-height: calc(100vh - 1.5rem) !important; overflow-y: auto; }}
"""
"""What opens over a page is no higher than the window, and scrolls in itself."""


def begin() -> None:
    """Call at the top of each page: none of its controls is drawn yet."""
    st.session_state["uploaders_drawn"] = set()


def settle() -> None:
    """Call at the end of each page: controls that were not drawn wait for nothing."""
    arrivals.here().controls.keep_only(run.session(), st.session_state["uploaders_drawn"])


def uploader(name: str, label: str, control: Control) -> UploadedFile | None:
    """The control ``name``, which waits for a file from now on. Streamlit would call 600 MB "1GB", so its own words for
    the limit are hidden, and the label says it."""
    _wait_for(name, control)
    label = f"{label}, up to {control.most_mb:g} MB"
    return st.file_uploader(label, key=_key(name), max_upload_size=max(1, round(control.most_mb)))


def several(name: str, label: str, control: Control) -> list[UploadedFile]:
    """The same for as many files as one chooses."""
    _wait_for(name, control)
    label = f"{label}, up to {control.most_mb:g} MB each"
    most = max(1, round(control.most_mb))
    return st.file_uploader(label, key=_key(name), max_upload_size=most, accept_multiple_files=True)


def folder(name: str, label: str, control: Control) -> list[UploadedFile]:
    """The same for the files of a folder and of those in it. Others than the control takes come too, and are refused
    by name: a list of endings would hold for Streamlit's notes as well."""
    _wait_for(name, control)
    most = max(1, round(control.most_mb))
    label = f"{label}, up to {control.most_mb:g} MB each"
    return st.file_uploader(label, key=_key(name), max_upload_size=most, accept_multiple_files="directory")


def camera(name: str, label: str, control: Control) -> UploadedFile | None:
    """The same for a photo that is taken now: it arrives as a JPEG file on the same way."""
    _wait_for(name, control)
    return st.camera_input(label, key=_key(name), resolution="480p")


def _wait_for(name: str, control: Control) -> None:
    arrivals.here().controls.draw(run.session(), name, control)
    st.session_state.setdefault("uploaders_drawn", set()).add(name)


def kind(file: UploadedFile) -> str:
    """The file's extension, in small letters, without the dot."""
    return ending(file.name)


def stem(file: UploadedFile) -> str:
    """The file's name without its extension, cut to a readable length."""
    return PurePath(file.name).stem[:LONGEST_NAME]


def come(file: UploadedFile, control: Control) -> Incoming:
    """The file, which lies with the compute service. Raises ``UploadRefused`` where it does not, or is not one that
    this control takes."""
    note = Note.from_bytes(file.getvalue())
    if note.refused:
        raise UploadRefused(note.refused)
    found = arrivals.here().find(run.session(), note.token)
    control.check(file.name, found.size)
    return found


def delivery(file: Incoming) -> Delivery:
    """What the compute service is asked through about a file that has come."""
    assert file.delivery is not None
    return file.delivery


def keep(file: Incoming) -> None:
    """The service has kept the file: it counts for this session."""
    arrivals.here().keep(file)


def let_go(name: str, file: UploadedFile) -> None:
    """Empty the uploader ``name``, and let go of the file: it is kept now, or was refused."""
    st.session_state[_number(name)] = st.session_state.get(_number(name), 0) + 1
    run.forget_file(file.file_id)
    files = arrivals.here()
    with suppress(UploadRefused):  # it was refused, or is gone already
        files.let_go(files.find(run.session(), Note.from_bytes(file.getvalue()).token))
    files.removed(run.session(), file.file_id)


def _key(name: str) -> str:
    """The key of the uploader ``name``, which is a new one after ``let_go``."""
    return f"{name}_{st.session_state.setdefault(_number(name), 0)}"


def _number(name: str) -> str:
    return f"{name}_number"
