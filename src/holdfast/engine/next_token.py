"""The objective of causal language models: the next token, where it counts.

A row is a text. Its inputs hold `labels`: the tokens that count, -100 elsewhere. B rows have A
counted tokens at most, and the vocabulary has V tokens.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from holdfast.engine.batch import Batch, Step
from holdfast.engine.competing import Competing
from holdfast.engine.distillation import reverse_distillation
from holdfast.engine.objective import Objective
from holdfast.engine.rows import Rows
from holdfast.errors import HoldfastError, one_of
from holdfast.models.token_states import IDS, IGNORED, LABELS, counted_tokens
from holdfast.named_inputs import NamedInputs

WEIGHTINGS = ("tokens", "rows")


class NextToken(Objective):
    """Predicts the next token, where the loss mask says that it counts.

    The loss of a row is the mean cross-entropy of its tokens that count. The loss of a batch is the
    mean over all of them, as language models are usually trained, so a long text weighs more. If
    rows have different weights, for example because some come from a memory, this holds for the
    rows from each source.

    Args:
        weighting: "tokens" weighs every token alike, and "rows" every text.

    Raises:
        HoldfastError: The weighting is unknown.

    Example:
        >>> ids = torch.tensor([[3, 1, 2]])
        >>> x = NamedInputs({"input_ids": ids, "labels": torch.tensor([[-100, -100, 2]])})
        >>> rows = Rows.of_task(x, torch.tensor([0]), 0)
        >>> round(float(NextToken().losses(torch.zeros(1, 1, 4), rows, Competing())), 4)  # ln 4
        1.3863
    """

    name = "language"
    scenarios = ("task", "domain")
    # Every row has the label 0: what is to be said stands in the inputs.
    takes_labels = True
    sequences = True

    def __init__(self, weighting: str = "tokens") -> None:
        self.weighting = one_of("weighting", weighting, WEIGHTINGS)

    def __repr__(self) -> str:
        if self.weighting == "tokens":
            return "NextToken()"
        return f"NextToken(weighting={self.weighting!r})"

    def losses(self, outputs: Tensor, rows: Rows, competing: Competing) -> Tensor:
        of_tokens, counts = _of_tokens(outputs, rows)
        # A text without any token that counts has no loss, instead of 0 / 0.
        return of_tokens.sum(1) / counts.sum(1).clamp_min(1)

    def log_likelihoods(self, outputs: Tensor, rows: Rows) -> Tensor:
        """Compute the logarithm of the probability of what each text says, (B,)."""
        return -_of_tokens(outputs, rows)[0].sum(1)

    def loss(self, step: Step) -> Tensor:
        if self.weighting == "rows":
            return super().loss(step)
        batch = step.batch
        of_tokens, counts = _of_tokens(step.logits, Rows(step.x, batch.y, batch.task))
        if batch.uniform():
            return of_tokens.sum() / counts.sum().clamp_min(1)
        weights = batch.weights()
        terms = []
        for block in batch.blocks:
            rows = slice(block.start, block.stop)
            mean = of_tokens[rows].sum() / counts[rows].sum().clamp_min(1)
            terms.append(weights[rows].sum() * mean)
        return torch.stack(terms).sum()

    def size(self, batch: Batch) -> int:
        if self.weighting == "rows":
            return super().size(batch)
        targets = tokens_of(Rows(batch.x, batch.y, batch.task))[1]
        # A text may have no token that counts.
        return max(int((targets != IGNORED).sum()), 1)

    def targets(self, y: Tensor, competing: Competing, width: int) -> Tensor:
        return y

    def divergence(
        self, outputs: Tensor, earlier: Tensor, temperature: float, rows: Rows | None = None
    ) -> Tensor:
        counts = tokens_of(rows)[1] != IGNORED
        # Other rows of the batch may have had more tokens that count.
        outputs = outputs[:, : counts.shape[1]]
        log_q = (outputs / temperature).log_softmax(-1)
        log_p = (earlier / temperature).log_softmax(-1)
        of_tokens = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)
        return (of_tokens * counts).sum() / counts.sum().clamp_min(1)

    def reverse_divergence(
        self, outputs: Tensor, earlier: Tensor, temperature: float, rows: Rows | None = None
    ) -> Tensor:
        counts = tokens_of(rows)[1] != IGNORED
        now = outputs[:, : counts.shape[1]]
        return reverse_distillation(now[counts], earlier[counts], temperature)

    # ---- the Fisher information, in which a text is one example

    def drawn(
        self, outputs: Tensor, rows: Rows, labels: str, generator: torch.Generator | None
    ) -> Rows:
        """Give texts the tokens at which the Fisher information is taken.

        Each token is drawn after the true tokens before it, as the network was trained.

        Args:
            outputs: Logits, (B, A, V), without a graph.
            rows: The texts.
            labels: "sampled", "predicted" or "empirical".
            generator: A generator on the CPU, for "sampled". None takes PyTorch's own.

        Returns:
            The same texts, with other labels where tokens count.

        Raises:
            HoldfastError: The labels are "exact", which would take a backward pass for each text
                that could be said.
        """
        if labels == "exact":
            raise HoldfastError(
                "labels='exact' sums over every possible text, which is not feasible for a "
                "language model; use 'sampled', 'predicted' or 'empirical'"
            )
        if labels == "empirical":
            return rows
        places, targets = tokens_of(rows)
        if labels == "predicted":
            said = outputs.argmax(-1)
        else:
            # On the CPU in double precision, so that a seed gives the same tokens on every device.
            p = outputs.flatten(0, 1).softmax(1).cpu().double()
            drawn = torch.multinomial(p, 1, generator=generator)
            said = drawn.to(outputs.device).view_as(targets)
        said = said.where(targets != IGNORED, IGNORED)
        x = need_texts(rows)
        redrawn = torch.full_like(x[LABELS], IGNORED).scatter(1, places + 1, said)
        return Rows(x.replaced(x.tensors | {LABELS: redrawn}), rows.y, rows.task)

    def fisher_values(self, outputs: Tensor, labels: str) -> Tensor:
        raise _by_texts()

    def fisher_weights(self, outputs: Tensor) -> Tensor:
        raise _by_texts()

    def fisher_coefficients(
        self,
        outputs: Tensor,
        labels: str,
        rows: Rows | None,
        generator: torch.Generator | None,
    ) -> Tensor:
        raise _by_texts()

    def constant_answer(self, y: Tensor, width: int) -> Tensor:
        return torch.zeros(width)


def need_texts(rows: Rows | None) -> NamedInputs:
    """Return the inputs of texts.

    Raises:
        HoldfastError: The rows are no texts with labels.
    """
    if rows is None or not isinstance(rows.x, NamedInputs) or LABELS not in rows.x.tensors:
        raise HoldfastError(
            f"objective='language' needs inputs {IDS!r} and {LABELS!r}, as "
            "holdfast.streams.from_prompts makes them of texts"
        )
    return rows.x


def tokens_of(rows: Rows | None) -> tuple[Tensor, Tensor]:
    """The places and the tokens that count of rows, as `counted_tokens` gives them."""
    return counted_tokens(need_texts(rows)[LABELS])


def _of_tokens(outputs: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """The cross-entropy of each token, (B, A), and whether it counts, (B, A)."""
    targets = tokens_of(rows)[1]
    losses = F.cross_entropy(
        outputs.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return losses.view_as(targets), targets != IGNORED


def _by_texts() -> HoldfastError:
    """The error for asking for the Fisher information of single outputs."""
    return HoldfastError(
        "the Fisher information of a language model is that of whole texts, not of single outputs; "
        "use a method with a diagonal Fisher information, such as EWC"
    )
