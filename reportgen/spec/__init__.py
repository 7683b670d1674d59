"""YAML text → Spec. `load` is the only way in; everything it returns has been checked."""

from reportgen.spec.load import load, loads, of_mapping
from reportgen.spec.model import Spec

__all__ = ["Spec", "load", "loads", "of_mapping"]
