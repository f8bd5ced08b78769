"""The calls behind the command line: from a run or a model to a verified file, and what can be done with either."""
