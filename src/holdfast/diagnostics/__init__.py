"""Why models forget: numbers, figures and a sentence each, for any model and data. On PyTorch."""
