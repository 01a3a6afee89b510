"""The story, at /story, and at / where the address asks no question."""

from pages.front import walk
from pages.layout import contents

PAGE = contents.Page(
    "Story",
    "pages/front/story.py",
    section="",
    order=0,
    parameters=walk.PARAMETERS,
    pickers=False,
    presented=("chart_story_0", "chart_story_1", "chart_story_2", "story_claim", "story_walk", *walk.SLIDERS),
)

if __name__ == "__main__":
    contents.first_visit()
