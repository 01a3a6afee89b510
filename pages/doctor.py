"""Doctor, at /doctor."""

from pages.layout import contents
from pages.learn import findings

PAGE = contents.Page(
    "Doctor",
    "pages/learn/doctor.py",
    section="Learn",
    order=31,
    parameters=findings.PARAMETERS,
    slices=True,
    presented=("doctor_findings", "doctor_check"),
)

if __name__ == "__main__":
    contents.first_visit()
