"""The panel with the version, the protection against uploads, and the limits."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.compute.protocol import Status
from gradviz_core.settings import settings
from gradviz_core.version import __version__
from pages.shell.words import linked, plain

PROMISE = (
    "An upload cannot run its own code, read or write files, open connections or stop other people's work. At worst it "
    "fails with an error that gives the reason, after at most {seconds:g} seconds of work."
)


def panel() -> DeltaGenerator:
    """Draw the panel; returns room in it for the status of the service."""
    with st.popover("About GradViz", type="tertiary", icon=":material/info:"):
        st.markdown(f"**GradViz {plain(__version__)}**")
        room = st.empty()
        _limits()
    return room


def fill(room: DeltaGenerator, status: Status | None) -> None:
    """Show what runs where, and how uploads are confined."""
    with room.container(gap="small"):
        if status is None:
            st.caption("The compute service is starting.")
            return
        workers = f"{status.workers} worker{'s' if status.workers != 1 else ''}"
        st.caption(
            plain(
                f"{workers} on {status.device.upper() or 'a device that is still being detected'}; "
                f"{status.upload_workers} sandboxed workers for uploads, on the CPU."
            )
        )
        if not status.confined:
            st.warning(plain(status.confinement), icon=":material/warning:")
        elif status.confinement:
            st.caption(plain(status.confinement))


def _limits() -> None:
    now = settings()
    st.markdown("**Uploads**")
    st.caption(PROMISE.format(seconds=now.deadline_s))
    rows = {
        "Images": f"up to {now.upload_mb:g} MB each",
        "Model files": f"up to {now.model_mb:g} MB and {now.max_parameters / 1e6:g} million parameters",
        "Forward pass": f"up to {now.upload_gflop:g} billion operations and {now.upload_activations_mb:g} MB of values",
        "Session": f"up to {now.session_mb:g} MB in total",
        "Storage": f"deleted {now.store_days:g} days after the last use",
    }
    for name, text in rows.items():
        st.caption(f"**{name}**: {plain(text)}")
    st.caption(
        "There is no login. Anyone who can reach this page can use it, and anyone with a link can see what it shows."
    )
    st.caption(
        linked(
            "More in the documentation: docs/threats.md lists the guarantees and what enforces them, docs/export.md "
            "explains how to export a model, and docs/settings.md lists the settings."
        )
    )
