"""Plan + old Record → new Record: what is stale, in which order, and nothing measured lost."""
