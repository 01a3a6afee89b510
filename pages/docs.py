"""The documents of the folder docs, at /docs?document=settings."""

from pages.help import documents
from pages.layout import contents

PAGE = contents.Page(
    "Documentation",
    "pages/help/docs.py",
    section="Your model",
    order=41,
    parameters=documents.PARAMETERS,
    pickers=False,
    listed=False,
)

if __name__ == "__main__":
    contents.first_visit()
