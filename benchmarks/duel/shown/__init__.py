"""What the tools offer: one module per tool, one function per feature that it has.

Each function does the thing, in an empty folder and in the tool's own environment, and raises if it
does not work. Its name is that of the feature in `duel/features.py`. A tool has no function for a
feature that it lacks.
"""
