"""One file for each kind of question, found by its name: see ``kinds.py``. ``answering.py`` finds the scene."""
