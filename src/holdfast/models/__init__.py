"""Networks: backbones, heads, and the classifier made of both."""

from collections.abc import Callable

from holdfast.models.branches import branches
from holdfast.models.classifier import Classifier, classifier_from
from holdfast.models.convnet import convnet
from holdfast.models.from_pretrained import classifier_from_pretrained, pooled_classifier
from holdfast.models.heads import make_head
from holdfast.models.language import (
    language_model,
    language_model_at,
    language_model_from_pretrained,
)
from holdfast.models.mlp import mlp
from holdfast.models.pooled import Pooled
from holdfast.models.pretrained import pretrained_classifier, pretrained_like
from holdfast.models.recipes import rebuildable
from holdfast.models.resnet import resnet18, slim_resnet18

# By the name that settings use. Each takes the shape of one input (or its shapes by name), the kind
# of output layer and the number of outputs.
MODELS: dict[str, Callable[..., Classifier]] = {
    "mlp": mlp,
    "branches": branches,
    "convnet": convnet,
    "resnet18": resnet18,
    "slim_resnet18": slim_resnet18,
}

__all__ = [
    "MODELS",
    "Classifier",
    "Pooled",
    "branches",
    "classifier_from",
    "classifier_from_pretrained",
    "convnet",
    "language_model",
    "language_model_at",
    "language_model_from_pretrained",
    "make_head",
    "mlp",
    "pooled_classifier",
    "pretrained_classifier",
    "pretrained_like",
    "rebuildable",
    "resnet18",
    "slim_resnet18",
]
