"""What is installed: all of the package, and the templates inside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_wheel_holds_the_package_and_its_templates(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", "77")
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("reportgen", "templates"):
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    (source / "README.md").write_text("x")  # the build wants one; its words do not matter here
    build = "import setuptools.build_meta as backend; backend.build_wheel('dist')"
    (source / "dist").mkdir()
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "reportgen").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    wanted |= {f"reportgen/templates/{path.name}" for path in (ROOT / "templates").glob("*.j2")}
    assert wanted <= files
    assert [name for name in files if name.endswith(".dist-info/licenses/LICENSE")] != []
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from reportgen.record.record import Record\n"
        "from reportgen.report import render\n"
        "from reportgen.report.templating import builtin_templates\n"
        "assert builtin_templates().parts[-3:] == ('installed', 'reportgen', 'templates')\n"
        "assert render(Record('x', 'A title'))['md'].count('# A title') == 1\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path / "installed", check=True)
