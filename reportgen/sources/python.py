"""Code of the user's own: `python/PACKAGE.MODULE:FACTORY`, and `PATH/TO/FILE.py:FACTORY`."""

from __future__ import annotations

import functools
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from reportgen.common.fingerprint import digest
from reportgen.sources.model_source import ModelEntry, ModelSource, UnknownModelError


@dataclass(frozen=True)
class ModuleModel(ModelEntry):
    """A factory in a module, beside the spec or installed."""

    runs_foreign_code: bool = True

    @override
    def identity(self, spec_dir: Path) -> str:
        return digest(self.target.rpartition(":")[2])

    @override
    def module(self, spec_dir: Path) -> Any:
        if str(spec_dir) not in sys.path:
            sys.path.insert(0, str(spec_dir))
        return super().module(spec_dir)


@dataclass(frozen=True)
class FileModel(ModelEntry):
    """A factory in a file, named as seen from the spec."""

    runs_foreign_code: bool = True

    @property
    @override
    def start(self) -> Path:
        return Path(self.target.rpartition(":")[0])

    @override
    def module(self, spec_dir: Path) -> Any:
        return _module_from_file(spec_dir / self.start)


@dataclass(frozen=True)
class ModuleSource(ModelSource):
    """Models in modules."""

    @override
    def find(self, name: str) -> ModelEntry:
        target = name.removeprefix("python/")
        module, _, factory = target.rpartition(":")
        if all(part.isidentifier() for part in (*module.split("."), factory)):
            return ModuleModel(name, target)
        raise UnknownModelError(name, f"Write {self.form}.")


@dataclass(frozen=True)
class FileSource(ModelSource):
    """Models in files."""

    @override
    def find(self, name: str) -> ModelEntry:
        path, _, factory = name.rpartition(":")
        if path.endswith(".py") and factory.isidentifier():
            return FileModel(name, name)
        raise UnknownModelError(name, f"Write {self.form}.")


MODULES = ModuleSource("python/PACKAGE.MODULE:FACTORY", "a factory of yours, with --allow-code")
FILES = FileSource("PATH/TO/FILE.py:FACTORY", "likewise, in a file beside the spec")


@functools.cache
def _module_from_file(path: Path) -> Any:
    name = f"reportgen_user_{digest(str(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError("no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up here
    spec.loader.exec_module(module)
    return module
