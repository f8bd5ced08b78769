"""What a network costs: analyses that read models and files and never change them."""
