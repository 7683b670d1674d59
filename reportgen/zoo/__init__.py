"""The architectures that reportgen itself defines, one file per family.

Every factory takes the number of classes as `num_classes` and everything else by keyword. It
returns a freshly initialised `nn.Module` in training mode which `torch.fx` can trace: static
int8 quantisation needs that.
"""
