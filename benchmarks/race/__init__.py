"""The fair race: hybrid networks beside the int8 networks that a user would pick instead, measured in one run."""
