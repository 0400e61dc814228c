"""`holdfast run` and `holdfast bench`: from options to configs, carried out, shown and reported."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.cli.given import note, on_line
from holdfast.cli.work import Work, carry_out_and_show
from holdfast.errors import HoldfastError

Seeds = Annotated[str | None, typer.Option(help="Seeds: 3, or 1,2,3, or 1-5.")]
Jobs = Annotated[
    int, typer.Option(min=0, help="Worker processes of one thread each; 0: one a core.")
]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")]
DataDir = Annotated[
    str | None,
    typer.Option(help="Folder of data sets in the hub's layout (default: HOLDFAST_DATA)."),
]
Sweep = Annotated[
    list[str] | None,
    typer.Option(
        help="Several values of a hyperparameter: strength=1,10,100. Given again: every combination."
    ),
]
Tolerance = Annotated[
    float,
    typer.Option(
        min=0, help="Points of forgetting on validation data that a selection from a sweep accepts."
    ),
]
Every = Annotated[
    float,
    typer.Option(
        min=0, help="Seconds between checkpoints of a run; killed, it goes on from the newest."
    ),
]
Keep = Annotated[
    bool,
    typer.Option(
        "--keep-checkpoints", help="Keep the learner after every task, for holdfast diagnose."
    ),
]
MOST_SEEDS = 100_000
Out = Annotated[Path, typer.Option(help="Folder for results; finished runs in it are skipped.")]


def parse_seeds(text: str) -> list[int]:
    """`3`, `1,2,3` or `1-5` → seeds.

    >>> parse_seeds("1-3,7")
    [1, 2, 3, 7]
    """
    seeds: dict[int, None] = {}
    for piece in text.split(","):
        first, dash, last = (part.strip() for part in piece.partition("-"))
        ends = (first, last) if dash else (first, first)
        if not all(map(_is_whole, ends)) or not int(ends[0]) <= int(ends[1]):
            raise HoldfastError(
                f"seeds {text[:100]!r} cannot be read; expected 3, or 1,2,3, or 1-5"
            )
        if int(ends[1]) - int(ends[0]) >= MOST_SEEDS:
            raise HoldfastError(f"seeds {text[:100]!r} are more than {MOST_SEEDS}; give fewer")
        seeds |= dict.fromkeys(range(int(ends[0]), int(ends[1]) + 1))
    return list(seeds)


def _is_whole(text: str) -> bool:
    """Whether a text is a whole number of at least 0, of a length that a setting can have."""
    return text.isascii() and text.isdecimal() and len(text) <= 12


def run(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Option(help="Data set: digits, or a hub name such as ylecun/mnist.")
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option(
            help="How tasks are made: split, permuted, rotated, sequence, mixture, grouped."
        ),
    ] = None,
    then: Annotated[
        str | None,
        typer.Option(help="Data sets after the first, one task each, for --stream sequence."),
    ] = None,
    tasks: Annotated[int | None, typer.Option(help="Number of tasks (5).")] = None,
    sizes: Annotated[
        str | None, typer.Option(help="Classes of each task, where they differ: 5,3,2.")
    ] = None,
    blurry: Annotated[
        float | None,
        typer.Option(help="Share of each task's training examples that moves to the other tasks."),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            help="Classes of a split stream: sorted, seed, or a list such as 3,1,4 and so on."
        ),
    ] = None,
    pieces: Annotated[
        str | None,
        typer.Option(help="Tasks of --stream mixture: NAME,NAME:rotate=90,NAME:permute=1."),
    ] = None,
    task_order: Annotated[
        str | None, typer.Option(help="Numbers of the tasks that are learnt, in this order: 2,0,1.")
    ] = None,
    fraction: Annotated[
        float | None, typer.Option(help="Share of the training examples used, of each class (1).")
    ] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the training examples set aside.")
    ] = None,
    examples: Annotated[
        int | None,
        typer.Option(help="Number of training examples used, as many of each class (all)."),
    ] = None,
    features: Annotated[
        str | None, typer.Option(help="What texts become: hashed, tfidf-all-tasks.")
    ] = None,
    group_column: Annotated[
        str | None,
        typer.Option(help="Column that relates examples, which --validation keeps together."),
    ] = None,
    scenario: Annotated[str, typer.Option(help="task, domain or class.")] = "class",
    method: Annotated[
        str, typer.Option(help='What is added to plain training, such as "ER(500) + LwF()".')
    ] = "FineTune",
    model: Annotated[
        str | None, typer.Option(help="mlp, convnet, resnet18, slim_resnet18.")
    ] = None,
    hidden: Annotated[str | None, typer.Option(help="Hidden layers of the MLP (256,256).")] = None,
    head: Annotated[
        str | None,
        typer.Option(help="separate, masked, fixed, growing; auto follows the scenario."),
    ] = None,
    init: Annotated[
        str | None, typer.Option(help="Initial weights of the MLP: default, xavier.")
    ] = None,
    frozen: Annotated[
        bool | None,
        typer.Option("--frozen", help="The backbone keeps its weights (NCM, SLDA, RanPAC)."),
    ] = None,
    optimizer: Annotated[str | None, typer.Option(help="sgd, adam, adamw.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate (0.01).")] = None,
    momentum: Annotated[float | None, typer.Option(help="Momentum of SGD (0.9).")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Weight decay (0).")] = None,
    epochs: Annotated[
        str | None, typer.Option(help="Epochs a task (1), or one number a task: 1,10.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps a task, in place of epochs.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="New rows in a batch (64).")] = None,
    drop_last: Annotated[
        bool | None, typer.Option("--drop-last", help="Leave out an epoch's last, smaller batch.")
    ] = None,
    shuffle: Annotated[
        bool | None,
        typer.Option("--shuffle/--in-order", help="Examples in random order, or in their own."),
    ] = None,
    renew_optimizer: Annotated[
        bool | None, typer.Option("--renew-optimizer", help="A new optimizer for every task.")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="Learning rate over a task: constant, cosine, step.")
    ] = None,
    clip: Annotated[float | None, typer.Option(help="Largest gradient norm.")] = None,
    accumulate: Annotated[int | None, typer.Option(help="Micro-batches a step (1).")] = None,
    precision: Annotated[str | None, typer.Option(help="float32, bfloat16, float16.")] = None,
    outputs: Annotated[
        str | None,
        typer.Option(help="Outputs that compete in the class scenario: seen, all, current."),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(help="New and stored rows in one forward pass (joint) or separate ones."),
    ] = None,
    boundaries: Annotated[
        str | None,
        typer.Option(
            help="Announced (known), never, or declared by adwin or page-hinkley (domain scenario)."
        ),
    ] = None,
    evaluate_every: Annotated[
        str | None,
        typer.Option(help="Steps between evaluations during training; or one number a task."),
    ] = None,
    sweep: Sweep = None,
    tolerance: Tolerance = 5.0,
    seeds: Seeds = "0",
    jobs: Jobs = 1,
    device: Device = "cpu",
    data_dir: DataDir = None,
    checkpoint_every: Every = 30.0,
    keep_checkpoints: Keep = False,
    out: Out = Path("runs/run"),
) -> None:
    """Train one method on a sequence of tasks; print the accuracy matrix and backward transfer."""
    from holdfast.runs.config import RunConfig
    from holdfast.validation import validated

    values = {
        "data": _given(
            name=data,
            stream=stream,
            then=then and [n.strip() for n in then.split(",")],
            tasks=tasks,
            sizes=_integers("sizes", sizes),
            blurry=blurry,
            order=_order(order),
            pieces=_names(pieces),
            task_order=_integers(
                "task-order", task_order, "numbers of tasks such as 2,0,1", least=0
            ),
            fraction=fraction,
            validation=validation,
            features=features,
            group_column=group_column,
            examples=examples,
        ),
        "model": _given(
            name=model, hidden=_integers("hidden", hidden), head=head, init=init, frozen=frozen
        ),
        "training": _given(
            optimizer=optimizer,
            lr=lr,
            momentum=momentum,
            weight_decay=weight_decay,
            epochs=_one_or_each("epochs", epochs),
            steps=steps,
            batch_size=batch_size,
            drop_last=drop_last,
            shuffle=shuffle,
            renew_optimizer=renew_optimizer,
            schedule=schedule,
            clip=clip,
            accumulate=accumulate,
            precision=precision,
            outputs=outputs,
            groups=groups,
            boundaries=boundaries,
            evaluate_every=_one_or_each("evaluate-every", evaluate_every),
        ),
        "scenario": scenario,
        "method": method,
    }
    from holdfast.bench.sweep import distinct_runs, parse_sweep, swept
    from holdfast.runs.options import refuse_idle

    configs = [
        validated(RunConfig, **values, seed=seed)
        for seed in parse_seeds("0" if seeds is None else seeds)
    ]
    sweeps = [parse_sweep(s) for s in sweep or ()]
    runs = distinct_runs([pair for c in configs for pair in swept(c, sweeps)])
    refuse_idle([c for _, c in runs])
    _name_idle(context, [c for _, c in runs], bool(sweeps))
    work = Work(out, jobs, device, data_dir, checkpoint_every, tolerance / 100, keep_checkpoints)
    carry_out_and_show(runs, work, f"{method}, {scenario} scenario", "", matrix=True)


def _name_idle(context: typer.Context, configs: Sequence[Any], sweeps: bool) -> None:
    """Refuse or name the options of the command itself that its runs cannot use."""
    from holdfast.runs.options import notes

    announced = [c for c in configs if c.training.boundaries == "known"]
    if on_line(context, "keep_checkpoints") and not announced:
        raise HoldfastError(
            "--keep-checkpoints keeps the learner at task boundaries, and with "
            f"boundaries={configs[0].training.boundaries!r} none is announced; leave it out"
        )
    lines = notes(configs)
    if on_line(context, "checkpoint_every") and not announced:
        lines.append("--checkpoint-every has no effect with unannounced boundaries")
    validation = any(c.data.validation for c in configs)
    if on_line(context, "tolerance") and not (sweeps and validation):
        lines.append(
            "--tolerance has no effect: it is for selections from a --sweep with --validation"
        )
    if on_line(context, "validation") and validation and not sweeps:
        lines.append(
            "--validation sets examples aside, but nothing is selected without --sweep; "
            "the result files have the scores on them, the table below has test scores only"
        )
    if on_line(context, "data_dir") and all(c.data.sets == {"digits"} for c in configs):
        lines.append("--data-dir has no effect: digits comes with the package")
    note(lines)


def _given(**values: Any) -> dict[str, Any]:
    return {k: v for k, v in values.items() if v is not None}


def _one_or_each(name: str, text: str | None) -> int | list[int] | None:
    """`5` → 5, `1,10` → one number a task."""
    if text is None:
        return None
    pieces = [p.strip() for p in text.split(",")]
    if not all(map(_is_whole, pieces)):
        raise HoldfastError(
            f"{name} {text[:100]!r} cannot be read; expected a whole number, or one a task such as 1,10"
        )
    return int(pieces[0]) if len(pieces) == 1 else [int(p) for p in pieces]


def _order(text: str | None) -> str | list[int | str] | None:
    """`sorted`, `seed`, or the classes one by one."""
    if text in (None, "sorted", "seed"):
        return text
    classes = [v.strip() for v in text.split(",")]
    return [int(v) if _is_whole(v.removeprefix("-")) else v for v in classes]


def _names(text: str | None) -> list[str] | None:
    """Names between commas; those inside parentheses belong to a name.

    >>> _names("ER(500), EWC(1, gamma=0.9)")
    ['ER(500)', 'EWC(1, gamma=0.9)']
    """
    return (
        None if text is None else [n.strip() for n in re.split(r",(?![^()]*\))", text) if n.strip()]
    )


def _integers(
    name: str, text: str | None, expected: str = "sizes such as 256,256", least: int = 1
) -> list[int] | None:
    if text is None:
        return None
    pieces = [p.strip() for p in text.split(",") if p.strip()]
    if bool(text) != bool(pieces) or not all(_is_whole(p) and int(p) >= least for p in pieces):
        raise HoldfastError(f"{name} {text[:100]!r} cannot be read; expected {expected}")
    return [int(p) for p in pieces]


def bench(
    context: typer.Context,
    suite: Annotated[str, typer.Argument(help="A shipped suite (see --list) or a TOML file.")] = "",
    methods: Annotated[
        str | None, typer.Option(help="Only these methods, by their labels: FineTune,AGEM.")
    ] = None,
    scenarios: Annotated[str | None, typer.Option(help="Only these scenarios: task,class.")] = None,
    seeds: Seeds = None,
    jobs: Jobs = 0,
    device: Device = "cpu",
    data_dir: DataDir = None,
    sweep: Sweep = None,
    validation: Annotated[
        float | None,
        typer.Option(help="Share of training examples set aside, for selections from a sweep."),
    ] = None,
    tolerance: Tolerance = 5.0,
    checkpoint_every: Every = 30.0,
    keep_checkpoints: Keep = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for results (runs/SUITE); finished runs in it are skipped."),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the shipped suites.")] = False,
) -> None:
    """Run a suite of methods over scenarios and seeds; print the table and write an HTML report."""
    from holdfast.bench.suites import load_suite, shipped
    from holdfast.bench.sweep import parse_sweep, sweep_suite, swept_names
    from holdfast.runs.config import DataConfig
    from holdfast.runs.options import refuse_idle
    from holdfast.validation import validated

    others = on_line(context, *(p for p in context.params if p not in ("suite", "list_")))
    if others and (list_ or not suite):
        raise HoldfastError(
            f"{others[0]} has no effect on the list of suites; to run one, give its name, "
            f"such as holdfast bench demo {others[0]} …, without --list"
        )
    if list_ or not suite:
        for name in shipped():
            print(f"{name:20} {load_suite(name).description}")
        return
    loaded = load_suite(suite)
    refuse_idle([c for _, c in loaded.runs()])
    if seeds is not None:
        loaded = loaded.model_copy(update={"seeds": parse_seeds(seeds)})
    loaded = loaded.only_these(_names(methods), _names(scenarios))
    if validation is not None:
        data = loaded.data.model_dump(exclude_unset=True) | {"validation": validation}
        loaded = loaded.model_copy(update={"data": validated(DataConfig, **data)})
    work = Work(
        out or Path("runs") / loaded.name,
        jobs,
        device,
        data_dir,
        checkpoint_every,
        tolerance / 100,
        keep_checkpoints,
    )
    sweeps = [parse_sweep(s) for s in sweep or ()]
    runs = sweep_suite(loaded, sweeps)
    refuse_idle([c for _, c in runs], swept_names(runs, sweeps))
    _name_idle(context, [c for _, c in runs], bool(sweeps))
    carry_out_and_show(runs, work, loaded.name, loaded.description)
