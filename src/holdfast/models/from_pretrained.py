"""Any model of the Transformers library as a classifier: from a name, a folder, or memory."""

from pathlib import Path

import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError
from holdfast.models.backbone_places import find_backbone
from holdfast.models.classifier import Classifier, first_floating
from holdfast.models.heads import make_head
from holdfast.models.hugging_face import body_of
from holdfast.models.pooled import Pooled
from holdfast.models.pretrained import pretrained_classifier, tried
from holdfast.models.recipes import rebuildable
from holdfast.models.seeding import seeded
from holdfast.named_inputs import NamedInputs
from holdfast.text import safe_name

TOKENS = ("input_ids", "attention_mask")
TRIED = 2  # tokens of the text with which a network is tried
PIXELS = 32  # width and height of the image with which one is tried


def classifier_from_pretrained(
    model: str | Path | nn.Module,
    head: str,
    outputs: int | None = None,
    *,
    pooling: str | None = None,
    seed: int | None = None,
) -> Classifier:
    """Make a classifier of a model of the Transformers library.

    A model of texts takes token ids and their mask, as `streams.tokenize` makes them, and its
    hidden states become one vector per text. A layer above the states, such as an old output layer,
    is left out.

    Args:
        model: A folder that `save_pretrained` has written, a GGUF file, a name of the Hugging Face
            hub, which is asked once if the model is not in its local cache, or a model that is
            loaded. That is used and not copied. It may be any module that takes `input_ids` and
            `attention_mask` and returns hidden states, (N, T, D), as a tensor or in
            `last_hidden_state`.
        head: The kind of head, as `make_head` takes it.
        outputs: The number of outputs of a `masked` or `fixed` head.
        pooling: How states become one vector: "mean" over the tokens, the "first" or the "last"
            token. None: as the folder says (`1_Pooling/config.json`), by default their mean.
        seed: The seed of new outputs. None draws them from the global generator.

    Returns:
        The classifier. Freeze it with `freeze()` if only its head is to learn.

    Raises:
        HoldfastError: The model can't be found, loaded or called; the message says why.
        MissingExtra: A package that reads the model is not installed.

    Example:
        >>> class States(nn.Embedding):
        ...     def forward(self, input_ids, attention_mask):
        ...         return super().forward(input_ids)
        >>> classifier_from_pretrained(States(30, 8), "growing").head.features
        8
    """
    if isinstance(model, nn.Module):
        return pooled_classifier(model, head, outputs, pooling, seed)
    if not isinstance(model, str | Path):
        raise HoldfastError(
            f"expected a folder, a name of the Hugging Face hub or a loaded model, got "
            f"{type(model).__name__}"
        )
    place = find_backbone(model)
    if place.kind in ("weights", "onnx"):
        raise HoldfastError(
            f"{safe_name(str(model))} is no folder of transformers; use pretrained_classifier, "
            "which reads files of weights and ONNX files"
        )
    # The number of features follows from any input.
    example = _tokens() if place.of_texts else _pixels()
    return pretrained_classifier(model, example, head, outputs, pooling=pooling, seed=seed)


@rebuildable
def pooled_classifier(
    model: nn.Module,
    head: str,
    outputs: int | None = None,
    pooling: str | None = None,
    seed: int | None = None,
) -> Classifier:
    """Make a classifier of a model in memory that returns hidden states of texts.

    Args:
        model: As in `classifier_from_pretrained`.
        head: As there.
        outputs: As there.
        pooling: As there. None: the mean of the states.
        seed: As there.

    Raises:
        HoldfastError: The model can't be called with tokens, or returns something else.
    """
    network = Pooled(body_of(model), pooling or "mean")
    place = first_floating(network)
    if place is None:
        place = torch.zeros(0)
    modes = {module: module.training for module in network.modules()}
    # Dropout must not draw for this, nor may statistics move.
    network.eval()
    try:
        features = tried(network, _tokens().to(place.device), type(model).__name__)
    finally:
        for module, mode in modes.items():
            module.training = mode
    with seeded(seed):
        made = make_head(head, features, outputs)
    # A learner trains parameters of one type in one place.
    return Classifier(network, made.to(place.device, place.dtype))


def _tokens() -> NamedInputs:
    """One short text, by which a network is tried."""
    tensors = {name: torch.ones(1, TRIED, dtype=torch.long) for name in TOKENS}
    return NamedInputs(tensors, padding=dict.fromkeys(TOKENS, 0))


def _pixels() -> Tensor:
    """One grey image, by which a network of images is tried. It resizes images by itself."""
    return torch.zeros(1, 1, PIXELS, PIXELS, dtype=torch.uint8)
