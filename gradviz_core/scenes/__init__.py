"""Drawn scenes with a label and a mask: what the small presets were trained on. Numpy and Pillow only."""
