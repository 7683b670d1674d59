"""The architectures that reportgen itself defines, one file per family.

Every factory takes the number of classes as `num_classes` and everything else by keyword. It
returns a freshly initialised `nn.Module` in training mode which `torch.fx` can trace: static
int8 quantisation needs that.

A network whose inside is worth a classifier names its taps: a method `taps()` returns modules by
name, in the order in which they run (`reportgen.builds.heads`).
"""
