"""One file for each kind of question: scene and question in, answer out. ``answering.py`` finds the scene."""
