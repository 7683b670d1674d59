"""YAML text → Spec. `load` is the only way in; everything it returns has been checked."""

from reportgen.spec.load import load, loads
from reportgen.spec.model import Spec

__all__ = ["Spec", "load", "loads"]
