"""From a module, and data where it takes some, to figures."""
