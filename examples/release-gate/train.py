"""Two retrained models, one of which forgets.

The data are electricity prices in New South Wales, with the seasons as tasks.

    python examples/release-gate/train.py --out results

The champion knows autumn, winter and spring. Both candidates are then trained on summer: `careless`
on summer alone, `careful` with stored examples of the other seasons (ER). The script writes one
table of scores per model, with one row per example of the same frozen test sets.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from holdfast import Learner, parse_method
from holdfast.models import mlp
from holdfast.streams import Stream, from_arrays
from holdfast.training import optimizer

SEASONS = ("autumn", "winter", "spring", "summer")  # in the order of the year from March on
FIRST_DAY = np.datetime64("1996-05-07")  # the first day of the data
HALF_HOURS = 48  # rows per day


def seasons(data: Path) -> Stream:
    """Make one task per season: will the price rise? A fifth of each is held out for testing."""
    frame = pd.read_parquet(data / "streams" / "electricity.parquet")
    days = FIRST_DAY + np.arange(len(frame)) // HALF_HOURS
    month = days.astype("datetime64[M]").astype(int) % 12 + 1
    season = np.array(SEASONS)[((month - 3) % 12) // 3]  # of the southern hemisphere
    x = frame.drop(columns="class").to_numpy(np.float32)
    order = np.argsort([SEASONS.index(s) for s in season], kind="stable")
    return from_arrays(
        ((x - x.mean(0)) / x.std(0))[order],
        frame["class"].to_numpy()[order],
        season[order],
        "domain",
        seed=1,
    )


def scores(learner: Learner, stream: Stream) -> pd.DataFrame:
    """Give one row per test example: its season, its id, and 1 if the model is right."""
    parts = [
        pd.DataFrame({"task": t.name, "score": learner.evaluate(t).numpy().astype(int)})
        for t in stream
    ]
    return pd.concat(
        [p.assign(example_id=[f"{p.task[0]}-{k}" for k in range(len(p))]) for p in parts],
        ignore_index=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("HOLDFAST_DATA"),
        help="folder of data sets (HOLDFAST_DATA)",
    )
    parser.add_argument("--out", type=Path, default=Path("results"))
    options = parser.parse_args()
    if options.data is None:
        parser.error("give --data, or set HOLDFAST_DATA")
    stream = seasons(Path(options.data))
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    net = mlp(stream.shape, "fixed", 2, hidden=(64, 64), seed=0)
    settings = {"scenario": "domain", "epochs": 8, "batch_size": 64, "seed": 0}
    adam = optimizer("adam", lr=2e-3)
    careful = Learner(net, parse_method("ER(10000, ratio=0.75)"), adam, **settings).train(
        *stream.tasks[:3]
    )
    scores(careful, stream).to_parquet(options.out / "champion.parquet")
    # The careless candidate starts from the champion's weights, in a learner without a memory.
    same = mlp(stream.shape, "fixed", 2, hidden=(64, 64), seed=0)
    same.load_state_dict(careful.model.state_dict())
    careless = Learner(same, parse_method("FineTune()"), adam, **settings)
    careful.train(stream[3])
    # A learner takes tasks in order, and for this new one summer is the first.
    careless.train(replace(stream[3], index=0))
    for name, learner in (("careful", careful), ("careless", careless)):
        scores(learner, stream).to_parquet(options.out / f"{name}.parquet")
        print(f"{name}: {options.out / name}.parquet")


if __name__ == "__main__":
    main()
