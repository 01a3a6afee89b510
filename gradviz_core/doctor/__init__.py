"""The doctor: why a gradient is missing, zero or not finite, and which line is to blame.

``recorder.py`` sees every function of torch that a forward pass calls, ``flow.py`` holds what came from what,
``cuts.py`` tells which cuts matter, ``reruns.py`` follows numbers through Python, ``saved.py`` catches whoever
overwrites what the backward pass needs, ``way_back.py`` sees every node of the backward pass, ``reasons.py`` says why a
gradient is zero, gone or not finite, ``at_the_loss.py`` what is the loss's and no longer the model's,
``depth.py`` and ``recurrence.py`` how gradients grow and shrink, and ``diagnosing.py`` puts it together.
"""
