"""What benchmarks/fuzz.py is made of: how samples are altered, and what reads them."""
