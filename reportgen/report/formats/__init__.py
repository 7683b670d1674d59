"""The formats that ship with reportgen, one in each file."""
