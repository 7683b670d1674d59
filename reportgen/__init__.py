"""reportgen: reports on neural networks from a YAML spec."""

__version__ = "0.1.0"
