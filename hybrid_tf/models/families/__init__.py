"""One module a family; the registry finds every module here and takes its table `NETWORKS`."""
