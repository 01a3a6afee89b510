"""Six short lessons about gradients: the code on the screen is the code that runs.

``contents.py`` says what each lesson is about and what can be changed in it, without torch. Each lesson is a file of
its own: plain functions, which are shown as they stand, and beside each the claims that are checked on its results.
``running.py`` runs them.
"""
