"""Which files go into the package: gradviz_core, and under gradviz_core/app the app, which lies beside it here.

All that can be said without a program stands in pyproject.toml.
"""

from setuptools import find_namespace_packages, setup
from setuptools.command.build_py import build_py

APP = "gradviz_core.app"
FILES = {"app", "navigation"}
"""What the app has in the repository's own folder."""
PAGES = [f"{APP}.{folder}" for folder in find_namespace_packages(include=["pages*"])]


class Build(build_py):  # type: ignore[misc]  # setuptools ships no types
    """Leaves out whatever else lies in the repository's own folder."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        """A module as (package, name, file)."""
        found = super().find_package_modules(package, package_dir)
        return [module for module in found if package != APP or module[1] in FILES]


setup(
    cmdclass={"build_py": Build},
    packages=[*find_namespace_packages(include=["gradviz_core*"]), APP, *PAGES],
    package_dir={APP: "."},
    package_data={
        APP: [".streamlit/config.toml", "assets/*/*", "docs/*.md"],
        **{package: ["*.css", "*.js", "*.png", "*.svg"] for package in PAGES},
    },
    include_package_data=False,
)
