"""Export a model, at /export."""

from pages.layout import contents

PAGE = contents.Page(
    "Export a model",
    "pages/help/export.py",
    section="Your model",
    order=40,
    score=False,
    pictures=False,
)

if __name__ == "__main__":
    contents.first_visit()
