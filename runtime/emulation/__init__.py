"""Emulated 64-bit ARM and Cortex-M, and the instructions that programs execute there; tests and benchmarks use them."""
