"""One file for each family of questions: scene and question in, answer out. ``answering.py`` finds the scene."""
