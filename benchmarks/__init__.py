"""Programs that measure, and those that write the pages of docs/ from what is measured: see README.md."""
