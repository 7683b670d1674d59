"""Whether reports are still true, and what changed between two of them. Measures nothing."""
