"""The one thing pyproject.toml cannot say: templates/ lies inside the package once installed."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["reportgen*"]), "reportgen.templates"],
    package_dir={"reportgen.templates": "templates"},
    package_data={"reportgen": ["py.typed"], "reportgen.templates": ["*.j2"]},
)
