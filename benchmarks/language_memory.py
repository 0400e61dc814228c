"""What methods keep on a language model of 135 million weights, and the memory at its peak.

    python benchmarks/language_memory.py --write benchmarks/results/language-memory.md

SmolLM2-135M takes a few steps of two small tasks, in a process of its own per row, with AdamW. With
an adapter (LoRA of rank 8 on every linear layer, by peft) only the adapter is trained. Kept is the
state of the method after the first task. The peak is the largest resident memory of the process,
and "before" is its memory once the model is loaded and nothing is trained.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from weights import missing, smollm2

ROWS = (
    ("everything", "FineTune()"),
    ("everything", "EWC(1, samples=8)"),
    ("everything", "OnlineEWC(1, samples=8)"),
    ("everything", "LwF()"),
    ("everything", "ER(100)"),
    ("adapter", "FineTune()"),
    ("adapter", "EWC(1, samples=8)"),
    ("adapter", "OnlineEWC(1, samples=8)"),
    ("adapter", "LwF()"),
    ("adapter", "ER(100)"),
)
BATCH = 8
EXAMPLES = 16  # of each task
MB = 2**20


def resident() -> int:
    """The bytes of memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure(trained: str, method: str) -> dict[str, float]:
    """Train two tasks, and read the memory of this process."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from holdfast.models import language_model
    from holdfast.streams import Texts, from_prompts
    from holdfast.training import Learner, optimizer

    file = smollm2()
    if file is None:
        raise SystemExit(missing("SmolLM2-135M"))
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    model = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32
    )
    if trained == "adapter":
        model = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear"))
    sums = [(f"{a}+{a + 1}=", f" {2 * a + 1}") for a in range(EXAMPLES)]
    products = [(f"{a}*{a + 1}=", f" {a * (a + 1)}") for a in range(EXAMPLES)]
    tasks = {"sums": Texts(sums, sums[:4]), "products": Texts(products, products[:4])}
    stream = from_prompts(tasks, tokenizer)
    learner = Learner(
        language_model(model),
        method,
        optimizer("adamw", lr=1e-5),
        scenario="domain",
        objective="language",
        batch_size=BATCH,
    )
    before = resident()
    learner.train(stream[0])
    kept = learner.method.state_bytes()
    learner.train(stream[1])
    return {
        "weights": learner.view.space.numel,
        "kept": kept,
        "before": before,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", type=int, help="measure one row in this process")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.row is not None:
        print(json.dumps(measure(*ROWS[options.row])))
        return
    lines = [
        "# Memory on a language model of 135 million weights",
        "",
        f"Two tasks of {EXAMPLES} examples, batches of {BATCH}, AdamW, float32, on a CPU.",
        "",
        "| trained | method | trainable weights | kept, MB | before, MB | peak, MB |",
        "|---|---|---|---|---|---|",
    ]
    for number, (trained, method) in enumerate(ROWS):
        command = [sys.executable, __file__, "--row", str(number)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout.strip().splitlines()[-1])
        sizes = " | ".join(f"{found[name] / MB:,.1f}" for name in ("kept", "before", "peak"))
        lines.append(f"| {trained} | `{method}` | {found['weights']:,} | {sizes} |")
        print(lines[-1], flush=True)
    if options.write is not None:
        options.write.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
