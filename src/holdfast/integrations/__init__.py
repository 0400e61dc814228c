"""Other systems: one module for each, with an extra of its own."""
