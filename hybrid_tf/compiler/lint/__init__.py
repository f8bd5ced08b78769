"""The linter: what a conversion would leave in float, get wrong or not fuse, in a model or a file."""
