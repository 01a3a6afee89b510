"""An answerer for tests: the question's model key says what the worker does to itself, the image key how much."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

import numpy as np

from gradviz_core.errors import BadTarget
from gradviz_core.types import Answer, ModelCard, Preprocessing, Question, Receipt, SurveyAnswer, SurveyQuestion

CARD = ModelCard("fake", "Fake", "For tests.", 0, (), Preprocessing((1, 1), None, (0.0,), (1.0,)))


class Scripted:
    """Does what the model key says."""

    device = "cpu"

    def __init__(self, device: str | None) -> None:
        """Any device will do."""
        self.served = 0

    def answer(self, question: Question) -> Answer:
        """Obey, then answer with this process's number and how often it was asked."""
        self.served += 1
        assert isinstance(question, SurveyQuestion)
        array = np.zeros(0, np.float32)
        match question.model:
            case "sleep":
                time.sleep(float(question.image))
            case "tell and sleep":
                Path(question.image).write_text(str(os.getpid()))
                time.sleep(1.5)
            case "spin":
                while True:
                    pass
            case "hold":  # native code that never lets go of the interpreter
                ctypes.PyDLL(None).sleep(1000)
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "segfault":
                ctypes.string_at(0)
            case "hog":
                array = np.ones(int(question.image), np.float64)
            case "array":
                array = np.ones(int(question.image) // 4, np.float32)
            case "bug":
                raise KeyError("/etc/secret")
            case "gpu bug":
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            case "refuse":
                raise BadTarget("There is no class 12; the model has 10.")
        return SurveyAnswer(
            question=question,
            card=CARD,
            sites=(),
            prediction=(),
            notes=(str(os.getpid()), str(self.served)),
            receipt=Receipt("cpu", (), 0.0),
            arrays={"pixels": array},
        )
