"""The machine below: files that are whole or absent, locks, progress, and quiet libraries."""
