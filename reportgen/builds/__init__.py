"""From a planned build to an `nn.Module` that is ready to be measured."""
