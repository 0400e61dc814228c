"""Check that processes which write to one ledger at the same time lose and double nothing.

    python benchmarks/ledger_writers.py sqlite:////tmp/ledger.db
    python benchmarks/ledger_writers.py "postgresql+psycopg://postgres@/postgres?host=/run/postgresql"

Eight processes record two hundred releases each. The script prints how many releases are in the
ledger afterwards, how many were lost or doubled, and the seconds that it took. The exit code is 1
if a release was lost or doubled.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd

from holdfast.ledger import Ledger


def write(url: str, writer: int, records: int) -> None:
    """Records releases of one writer, each with results of its own."""
    ledger = Ledger(url)
    for k in range(records):
        scores = [float(i < k % 50) for i in range(50)]
        rows = pd.DataFrame({"task": ["a"] * 50, "example_id": range(50), "score": scores})
        ledger.record("model", f"{writer}-{k}", rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("url", help="an empty ledger")
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--records", type=int, default=200)
    parser.add_argument("--add-to", type=Path, help="a file to add the outcome to")
    options = parser.parse_args()
    start = time.perf_counter()
    with ProcessPoolExecutor(options.writers) as pool:
        list(
            pool.map(
                write,
                *zip(
                    *[(options.url, w, options.records) for w in range(options.writers)],
                    strict=True,
                ),
            )
        )
    seconds = time.perf_counter() - start
    found = [r.release for r in Ledger(options.url).releases("model")]
    expected = {f"{w}-{k}" for w in range(options.writers) for k in range(options.records)}
    lost, doubled = len(expected - set(found)), len(found) - len(set(found))
    told = (
        f"{len(found)} releases of {len(expected)}, {lost} lost, {doubled} doubled, {seconds:.1f} s"
    )
    print(told)
    if options.add_to:
        with options.add_to.open("a") as file:
            file.write(f"- {options.url.partition(':')[0]}, {options.writers} writers: {told}\n")
    raise SystemExit(bool(lost or doubled))


if __name__ == "__main__":
    main()
