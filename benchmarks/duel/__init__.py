"""What benchmarks/gate_duel.py is made of: releases, one adapter per tool, and the page.

- `releases.py` makes the simulated releases, from fixed seeds.
- `test_sets.py` reads them back. Only this module, `run_adapter.py` and the adapters run in the
  environments of other tools, so they import nothing but NumPy and the tool.
- `judge_*.py` are the adapters: each asks one tool about one release.
- `run_adapter.py` asks an adapter about all releases.
- `tools.py` names the tools, their pinned requirements and their settings.
- `features.py` checks what each tool offers.
- `page.py` writes the results.
"""
