"""The story on the front page: some ten views, each one picture and one claim that is computed from an answer.

    views.py     the views in their order
    told.py      what a view tells: a sentence, pictures, where to explore
    regions.py   where to look: the part of a picture that holds most of something
    figures.py   the pictures, all of one height
    asked.py     what several views ask
    layers.py    finding layers by what they are
    the rest     one view each, named as in the address: the questions it asks, its claim, its pictures

A claim holds or raises ``NotSo``: no sentence is shown that is not true of the picture beside it.
"""
