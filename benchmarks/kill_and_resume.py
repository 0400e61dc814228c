"""Kill runs at random moments, repeat the command, and compare the results bit for bit.

    python benchmarks/kill_and_resume.py --kills 100 \\
        --write benchmarks/results/kill-and-resume.md

Every run is killed with `kill -9` and started again by the same command until it ends. Its accuracy
matrix, curves, weights and warnings must then equal those of an uninterrupted run. The column "same
bits" counts the runs for which they do, and the exit code is 1 if any run differs.

Half of the kills come at a random moment of the life of the process. The other half come a random
number of milliseconds after the process has entered a stage, which is drawn at random: training, a
head that grows, consolidation, evaluation, or writing a checkpoint. The child process is the
command line itself. It writes its stage to one byte of a file.
"""

import argparse
import collections
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGES = (
    "starting",
    "training",
    "growing the head",
    "consolidation",
    "evaluation",
    "writing a checkpoint",
)
COMMANDS = {
    "ER + EWC, class, growing head": [
        "--method",
        "ER(200) + EWC(1, samples=3000)",
        "--scenario",
        "class",
    ],
    "LwF + SI, task, Adam": [
        "--method",
        "LwF + SI(0.1)",
        "--scenario",
        "task",
        "--optimizer",
        "adam",
        "--lr",
        "0.001",
    ],
    "PNN, task": ["--method", "PNN", "--scenario", "task", "--epochs", "2"],
    "GEM, domain, permuted": [
        "--method",
        "GEM(100)",
        "--scenario",
        "domain",
        "--stream",
        "permuted",
        "--tasks",
        "3",
        "--steps",
        "400",
    ],
    "DER++, class, curves": [
        "--method",
        "DERpp(200)",
        "--scenario",
        "class",
        "--head",
        "masked",
        "--evaluate-every",
        "50",
    ],
    "Joint, class": ["--method", "Joint", "--scenario", "class"],
}
SHARED = ["--data", "ylecun/mnist", "--hidden", "100,100", "--checkpoint-every", "0.1"]


def child(stage_file: str, arguments: list[str]) -> None:
    """The command line, with the stage it is in written to a file."""
    from holdfast.models.heads import Head
    from holdfast.training import checkpoint
    from holdfast.training.learner import Learner

    handle = os.open(stage_file, os.O_RDWR)

    def staged(owner: type, name: str, stage: str) -> None:
        inner = getattr(owner, name)

        def outer(*args: object, **kwargs: object) -> object:
            was = os.pread(handle, 1, 0)
            os.pwrite(handle, bytes([STAGES.index(stage)]), 0)
            try:
                value = inner(*args, **kwargs)
                if stage == "growing the head":
                    time.sleep(0.02)  # it is over in microseconds, which no parent could hit
                return value
            finally:
                os.pwrite(handle, was, 0)

        setattr(owner, name, outer)

    staged(Learner, "fit", "training")
    staged(Learner, "end", "consolidation")
    staged(Learner, "scores", "evaluation")
    staged(checkpoint.Checkpoints, "write", "writing a checkpoint")
    for kind in [
        Head,
        *Head.__subclasses__(),
        *(k for h in Head.__subclasses__() for k in h.__subclasses__()),
    ]:
        if "open" in vars(kind):
            staged(kind, "open", "growing the head")
    from holdfast.cli.main import run_cli

    run_cli(arguments)


def start(arguments: list[str], out: Path, stage_file: Path) -> subprocess.Popen:
    stage_file.write_bytes(bytes([0]))
    command = [
        sys.executable,
        __file__,
        "--child",
        str(stage_file),
        "run",
        *arguments,
        *SHARED,
        "--out",
        str(out),
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill_once(
    process: subprocess.Popen, stage_file: Path, dice: random.Random, span: float
) -> str | None:
    """Kills at a random moment; the stage it was in, or None where it had ended before."""
    wanted = dice.choice(STAGES[1:]) if dice.random() < 0.5 else None
    deadline = time.monotonic() + dice.uniform(0.3, 1) * span  # the first third loads packages
    late = time.monotonic() + span
    while process.poll() is None:
        now, stage = time.monotonic(), STAGES[stage_file.read_bytes()[0]]
        if (wanted is None and now > deadline) or now > late:
            break
        if wanted == stage and now > deadline - span / 3:
            time.sleep(dice.uniform(0, 0.01))
            break
        time.sleep(0.0002)
    stage = STAGES[stage_file.read_bytes()[0]]
    process.send_signal(signal.SIGKILL)
    process.wait()
    return stage if process.returncode == -signal.SIGKILL else None


def result(out: Path) -> dict:
    found = json.loads(next(out.rglob("result.json")).read_text())
    return {k: found[k] for k in ("config", "matrix", "curves", "weights", "warnings")}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    stages: collections.Counter[str] = collections.Counter()
    rows, kills = [], 0
    with tempfile.TemporaryDirectory() as scratch:
        base, stage_file = Path(scratch), Path(scratch) / "stage"
        whole, spans = {}, {}
        for name, arguments in COMMANDS.items():
            began = time.monotonic()
            process = start(arguments, base / "whole" / name, stage_file)
            _, error = process.communicate()
            assert process.returncode == 0, error.decode()
            whole[name], spans[name] = result(base / "whole" / name), time.monotonic() - began
        tally = {
            name: [0, 0, 0, 0] for name in COMMANDS
        }  # runs, kills, same, most kills of one run
        round_ = 0
        while kills < options.kills:
            name = list(COMMANDS)[round_ % len(COMMANDS)]
            out, here = base / f"killed-{round_}", 0
            round_ += 1
            while not list(out.rglob("result.json")):
                process = start(COMMANDS[name], out, stage_file)
                if here < 8:
                    stage = kill_once(process, stage_file, dice, spans[name])
                    if stage is not None:
                        here += 1
                        kills += 1
                        stages[stage] += 1
                else:
                    process.wait()
                assert process.returncode in (0, -signal.SIGKILL), process.stderr.read().decode()
            same = result(out) == whole[name]
            t = tally[name]
            t[0], t[1], t[2], t[3] = t[0] + 1, t[1] + here, t[2] + same, max(t[3], here)
            print(
                f"{name}: {here} kills, {'same bits' if same else 'DIFFERENT'} ({kills} in all)",
                flush=True,
            )
    lines = [
        "| run | killed runs | kills | most kills of one run | same bits |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {n} | {t[0]} | {t[1]} | {t[3]} | {t[2]} of {t[0]} |" for n, t in tally.items()]
    lines += ["", "Kills by stage: " + ", ".join(f"{s} {stages[s]}" for s in STAGES) + "."]
    rows = "\n".join(lines)
    print(rows)
    if options.write:
        command = (
            f"`python benchmarks/kill_and_resume.py --kills {options.kills} --seed {options.seed}`"
        )
        compared = (
            "The accuracy matrix, the curves, the SHA-256 of the weights and the warnings are "
            "compared. The runs use MNIST, an MLP 784-100-100, and a checkpoint every 0.1 s."
        )
        options.write.write_text(
            f"# kill -9, the same command again\n\n{command}\n\n{compared}\n\n{rows}\n"
        )
    sys.exit(any(t[0] != t[2] for t in tally.values()))


if __name__ == "__main__":
    if len(sys.argv) > 2 and sys.argv[1] == "--child":
        child(sys.argv[2], sys.argv[3:])
    else:
        main()
