"""What `reportgen.run`, `reportgen.count` and `reportgen.load` do, and the command line calls."""
