"""Names a spec may use, and the things they stand for. Plain tables; nothing is imported."""
