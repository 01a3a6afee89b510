"""Lessons, at /lessons."""

from pages.layout import contents
from pages.learn import lesson_contents, lesson_controls, lesson_prediction

PAGE = contents.Page(
    "Lessons",
    "pages/learn/lessons.py",
    section="Learn",
    order=30,
    parameters=(*lesson_controls.PARAMETERS, *lesson_contents.PARAMETERS, *lesson_prediction.PARAMETERS),
    pickers=False,
    presented=("lesson_contents", "lesson"),
)

if __name__ == "__main__":
    contents.first_visit()
