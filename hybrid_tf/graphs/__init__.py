"""The graph of what a device runs: operators in order, tensors, precisions, memory."""
