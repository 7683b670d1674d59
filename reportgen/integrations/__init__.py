"""Where others call reportgen: pytest, GitHub."""
