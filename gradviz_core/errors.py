"""Every error that GradViz raises on purpose, in one tree.

Each message is one or two sentences a person can act on: what was wrong with which value, the rule, what to do next.
It may be shown as it is; it never holds a path of the server or a traceback.

    GradVizError
    ├── QuestionError           the question itself cannot be answered
    │   ├── UnknownModel        no model has this key
    │   ├── UnknownImage        no image has this key
    │   ├── UnknownSite         the site never ran in this forward pass
    │   ├── BadTarget           the target does not exist in this model
    │   ├── Unreachable         no gradient of the target reaches the site
    │   ├── ModelFails          the module itself fails on what it is given
    │   └── TooCostly           it would take more operations or memory than an upload may
    ├── BadImage                the bytes are not a readable image, or over a limit
    ├── BadModel                the bytes are not a readable model, or over a limit
    ├── UploadRefused           a file was not taken, whatever it holds
    ├── WeightsMissing          pretrained weights are not on this machine and cannot be downloaded
    └── ComputeError            the place where it runs failed, not the question
        ├── Busy                the queue is full
        ├── StoreFull           the folder for uploads takes no more
        ├── DeadlineExceeded    the question took too long and was stopped
        ├── WorkerDied          the worker process ended in the middle of the question
        └── ServiceStarting     the compute service is not there yet, or is being started again
"""

from __future__ import annotations


class GradVizError(Exception):
    """Root of every error raised on purpose.

    ``code`` is Python that a person can paste to do what the message tells them to do next; empty for most. Names from
    a file stand in it only where they are identifiers.
    """

    def __init__(self, message: str = "", code: str = "") -> None:
        super().__init__(message)
        self.code = code


class QuestionError(GradVizError, ValueError):
    """The question cannot be answered as it stands."""


class UnknownModel(QuestionError):
    """No model has this key."""


class UnknownImage(QuestionError):
    """No image has this key."""


class UnknownSite(QuestionError):
    """The site never ran in this forward pass."""


class BadTarget(QuestionError):
    """The target does not exist in this model."""


class Unreachable(QuestionError):
    """No gradient of the target reaches the site."""


class ModelFails(QuestionError, RuntimeError):
    """The module itself fails on what it is given; a ``RuntimeError`` too, as most that PyTorch raises then."""


class TooCostly(QuestionError):
    """An uploaded model would take more operations or memory than are allowed."""


class BadImage(GradVizError, ValueError):
    """The bytes are not a readable image, or over a limit."""


class BadModel(GradVizError, ValueError):
    """The bytes are not a readable model, or over a limit."""


class UploadRefused(GradVizError):
    """A file was not taken, whatever it holds: nobody waits for it, it is too large, too slow or one too many."""


class WeightsMissing(GradVizError):
    """Pretrained weights are not on this machine and cannot be fetched."""


class ComputeError(GradVizError):
    """The place where the question runs failed; the question may be sound."""


class Busy(ComputeError):
    """The queue is full."""


class StoreFull(ComputeError):
    """The folder for uploads is full, over its quota, or cannot be written."""


class DeadlineExceeded(ComputeError):
    """The question took longer than its deadline and was stopped."""


class WorkerDied(ComputeError):
    """The worker process ended in the middle of the question."""


class ServiceStarting(ComputeError):
    """The compute service is not there yet, or is being started again."""


class Stopped(BaseException):
    """Work that gives way was stopped on purpose. Nothing on its way may treat that as a failure."""
