"""How many instructions things take on emulated processors: the same number on every machine."""
