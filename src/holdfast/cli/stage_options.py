"""The options of `holdfast stage`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.work import Device, Jobs

if TYPE_CHECKING:
    from holdfast.staging.execution import Conditions
    from holdfast.staging.settings import StageSettings

Tasks = Annotated[
    Path,
    typer.Option(
        metavar="PATH",
        help="Folder with a file NAME.jsonl per task, or a TOML file that lists them. Each line "
        "has prompt and completion, or text.",
    ),
]
Model = Annotated[
    str,
    typer.Option(
        metavar="PATH",
        help="Folder of a language model of transformers, a GGUF file, or a name of the Hugging "
        "Face hub.",
    ),
]
Gguf = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name of a GGUF file in the folder of --model.")
]
AdapterText = Annotated[
    str,
    typer.Option(
        metavar="TEXT",
        help="The adapter of peft that is trained through all stages, such as "
        "rank=8,alpha=16,target_modules=q_proj,v_proj; none trains all weights.",
    ),
]
Method = Annotated[
    str,
    typer.Option(
        metavar="SPEC", help='Continual-learning method on top, such as "ER(100)" or "EWC(1)".'
    ),
]
Steps = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="Steps per task. A stage of several tasks has as many for each."
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, metavar="N", help="Examples per step.")]
Rate = Annotated[
    float | None,
    typer.Option(
        metavar="X", help="Learning rate. Default: 0.001 for an adapter, 0.00005 for all weights."
    ),
]
Optimizer = Annotated[str, typer.Option(metavar="NAME", help="Optimizer: sgd, adam or adamw.")]
Clip = Annotated[
    float, typer.Option(metavar="X", help="Largest norm of the gradient; 0 shortens none.")
]
MaxLength = Annotated[
    int | None,
    typer.Option(
        min=2,
        metavar="N",
        help="The most tokens of a text. Default: what the model reads, at most 512.",
    ),
]
Score = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What tasks are scored by: token_accuracy, exact_match, or probability (geometric "
        "mean per token).",
    ),
]
General = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="General text, on which it is measured what training costs: a text per line, or "
        ".jsonl.",
    ),
]
HeldOut = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Share of the training examples that is held out for validation, and again for "
        "testing, in files that have no such examples.",
    ),
]
Estimator = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="How transfer is measured: pairwise trains every task after every other one; base "
        "trains each task alone.",
    ),
]
Seeds = Annotated[
    str, typer.Option(metavar="LIST", help="Seeds of the probe: 3, or 1,2,3, or 1-5.")
]
Signals = Annotated[
    bool,
    typer.Option(
        "--signals",
        help="Also measure how sure the model is of each task before and after each training, "
        "which some schedulers need.",
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="N",
        help="Threads of each process. Results of other numbers may differ in the last digits.",
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        metavar="FOLDER",
        help="Folder for the results. Trainings that are finished in it are skipped.",
    ),
]
From = Annotated[
    Path, typer.Option("--from", metavar="FOLDER", help="Folder of holdfast stage probe.")
]
Scheduler = Annotated[
    str,
    typer.Option(metavar="NAME", help="Rule that makes the order; see holdfast order plan --list."),
]
Orders = Annotated[
    int,
    typer.Option(
        min=3,
        metavar="N",
        help="Number of random orders to train. With fewer than 10, nothing can be said.",
    ),
]
VerifySeeds = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="Number of new seeds. With one, nothing can be said about chance."
    ),
]
TrainSteps = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Steps per task. Default: those of the probe."),
]
Arrange = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What is trained one after another: order (each task alone), groups (tasks that help "
        "each other together), or joint (all at once).",
    ),
]
TrainSeed = Annotated[
    int | None,
    typer.Option(min=0, metavar="N", help="Seed. Default: the first that the probe has not seen."),
]
TrainOut = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Folder for the model and the result. Default: FROM/trained."
    ),
]


@dataclass(frozen=True)
class Setup:
    """How the tasks are trained and scored. Each field is an option."""

    gguf: Gguf = None
    general: General = None
    adapter: AdapterText = "rank=8,alpha=16"
    method: Method = "FineTune()"
    steps: Steps = 200
    batch_size: BatchSize = 8
    lr: Rate = None
    optimizer: Optimizer = "adamw"
    clip: Clip = 1.0
    max_length: MaxLength = None
    score: Score = "token_accuracy"
    held_out: HeldOut = 0.2
    threads: Threads = 1
    estimator: Estimator = "pairwise"
    signals: Signals = False
    # Two seeds are the fewest for an interval.
    seeds: Seeds = "1-2"

    def prepared(
        self, tasks: Path, model: str, out: Path, device: str
    ) -> "tuple[StageSettings, Conditions, tuple[str, ...]]":
        """Read and check everything.

        Args:
            tasks: The folder of the tasks, or the TOML file that lists them.
            model: Where the model is.
            out: The folder of the results.
            device: Where to train.

        Returns:
            The settings, where everything is, and notes for the user.

        Raises:
            HoldfastError: A file or an option is wrong.
        """
        from holdfast.staging.execution import Conditions
        from holdfast.staging.preparing import prepare
        from holdfast.staging.settings import Places, read_adapter

        general = None
        if self.general is not None:
            general = str(self.general.absolute())
        # Another command may be given in another folder.
        if Path(model).expanduser().exists():
            model = str(Path(model).expanduser().absolute())
        places = Places(model=model, gguf=self.gguf, tasks=str(tasks.absolute()), general=general)
        found = prepare(
            places,
            self.held_out,
            adapter=read_adapter(self.adapter),
            lr=self.lr,
            method=self.method,
            steps=self.steps,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            clip=self.clip or None,
            max_length=self.max_length,
            score=self.score,
            threads=self.threads,
        )
        conditions = Conditions(places, out, self.held_out, device)
        return found.settings, conditions, found.notes


@dataclass(frozen=True)
class Running:
    """How trainings are carried out. Each field is an option."""

    # Every process holds a model of its own, which may be large.
    jobs: Jobs = 1
    device: Device = "cpu"
