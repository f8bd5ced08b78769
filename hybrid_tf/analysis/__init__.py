"""Analyses of what a network costs: they read models and files and never change them."""
