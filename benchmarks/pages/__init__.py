"""Pages of docs/ that need no measurement, and what all pages have in common."""
