"""Where questions are answered.

``ask`` sends a question to the compute service and returns its answer; ``inline.ask`` answers it in this process. The
service is a program of its own (``python -m gradviz_core.compute``), so the process that asks never imports torch.

    client ──► service ──► slot ──► worker process, trusted or confined
    (the app)  (sockets)   (one thread each: deadline, replacement)
       launch  upload_intake  supervisor: queue, who serves what; one for each kind

All speak the two-part messages of ``protocol.py``. Nothing here computes.
"""

from gradviz_core.compute.client import (
    ask,
    ask_for,
    before_large,
    check,
    keep_recipe,
    read_labels,
    recipe,
    rescale_image,
    show,
    start,
    status,
    stop_check,
    upload_image,
    upload_model,
    while_waiting,
)
from gradviz_core.compute.protocol import Status

__all__ = [
    "Status",
    "ask",
    "ask_for",
    "before_large",
    "check",
    "keep_recipe",
    "read_labels",
    "recipe",
    "rescale_image",
    "show",
    "start",
    "status",
    "stop_check",
    "upload_image",
    "upload_model",
    "while_waiting",
]
