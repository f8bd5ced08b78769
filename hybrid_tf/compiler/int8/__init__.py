"""int8 for what is not binary: what is quantized, with which ranges, and how."""
