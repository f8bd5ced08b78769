"""Networks: their plans, the layers they are built from, and a table row for each."""
