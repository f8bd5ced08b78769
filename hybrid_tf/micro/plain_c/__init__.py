"""The export of a network as plain C: C99 without any dependency, integers only, equal to LCE's interpreter."""
