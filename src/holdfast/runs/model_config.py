"""The settings of a run that are about its network: which one, and what a pretrained one is.

They are declared once, here. Digests of the weights and of the source of the factory are a part of
them, so that a run is known by what its backbone is and not by where it lies.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from holdfast.errors import HoldfastError
from holdfast.settings import ADDED, Positive
from holdfast.validation import Strict

# Settings that say something about a backbone, and mean nothing without one.
ABOUT_BACKBONE = ("backbone_factory", "old_output", "output_layer", "pooling", "max_length")


class ModelConfig(Strict):
    """Which network a run trains.

    Example:
        >>> ModelConfig(hidden=[100]).name
        'mlp'
    """

    name: Literal["mlp", "convnet", "resnet18", "slim_resnet18", "branches"] = Field(
        "mlp", description="Network to train. The last one is for --separate-inputs."
    )
    hidden: list[Positive] = Field(
        [256, 256], description="Number of units of each hidden layer of the MLP."
    )
    init: Literal["default", "xavier"] = Field(
        "default",
        description="How the weights of the MLP are drawn: as PyTorch does, or by Xavier's rule.",
    )
    head: Literal["auto", "separate", "masked", "fixed", "growing"] = Field(
        "auto", description="Output layer. With auto, it follows from the scenario."
    )
    frozen: bool = Field(
        False,
        description="Keep the weights below the output layer as they are, for NCM, SLDA and "
        "RanPAC.",
    )
    backbone: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Pretrained network in the place of --model: a file of weights, a folder of "
        "transformers, a name of the Hugging Face hub, a GGUF file, or an ONNX file.",
    )
    backbone_factory: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Function that makes the network for a file of weights, such as mynet:make for "
        "the function make in mynet.py.",
    )
    backbone_lr: float | None = Field(
        None,
        ge=0,
        json_schema_extra=ADDED,
        description="Learning rate of the network below the output layer. By default it is --lr, "
        "and 0 keeps the network as it is.",
    )
    old_output: Literal["drop", "keep", "none"] = Field(
        "drop",
        json_schema_extra=ADDED,
        description="What becomes of the old output layer of a pretrained network: it is left out, "
        "its outputs become the first ones, or the network has none.",
    )
    output_layer: str | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Name of the old output layer. By default it is the last linear layer.",
    )
    pooling: Literal["mean", "first", "last"] | None = Field(
        None,
        json_schema_extra=ADDED,
        description="How the hidden states of a language model become one vector per text: their "
        "mean, or that of the first or the last token. By default as its folder says.",
    )
    max_length: Positive | None = Field(
        None,
        json_schema_extra=ADDED,
        description="Tokens after which texts are cut for a language model. By default as many as "
        "it reads, at most 512.",
    )
    # Filled in by `completed`, so that the hash of a run depends on what the files hold.
    backbone_content: dict[str, str] = Field(
        {},
        json_schema_extra=ADDED,
        description="Digests of the pretrained network, which Holdfast fills in; leave it out.",
    )

    @model_validator(mode="before")
    @classmethod
    def _know_the_backbone(cls, values: Any) -> Any:
        """Check the settings of a backbone, and note its digests."""
        # Something else than a table of settings is refused by pydantic itself.
        if not isinstance(values, dict):
            return values
        return completed(values)

    @model_validator(mode="after")
    def _digests_are_not_given(self) -> "ModelConfig":
        """Leave the digests out of the settings that the user gave."""
        self.model_fields_set.discard("backbone_content")
        return self

    @model_serializer(mode="wrap")
    def _without_defaults(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out new settings at their defaults, so that files of other runs stay as they were.

        The digests are written although they were not given.
        """
        values: dict[str, Any] = write(self)
        for name, field in ModelConfig.model_fields.items():
            is_new = field.json_schema_extra == ADDED
            if is_new and name in values and values[name] == field.default:
                del values[name]
        if self.backbone_content:
            values["backbone_content"] = dict(self.backbone_content)
        return values

    @property
    def keeps_backbone(self) -> bool:
        """Whether the network below the output layer stays as it is."""
        return self.frozen or self.backbone_lr == 0

    @property
    def of_texts(self) -> bool:
        """Whether the backbone is a language model, which reads tokens."""
        return self.tokenizer is not None

    @property
    def tokenizer(self) -> str | None:
        """The folder or file of a backbone that reads tokens. None: another kind of network."""
        if self.backbone is None or self.backbone_factory is not None:
            return None
        from holdfast.models.backbone_places import find_backbone

        place = find_backbone(self.backbone)
        if not place.of_texts:
            return None
        return str(place.path)


def completed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Check what the settings of a backbone need of each other, and add its digests.

    Args:
        values: Settings of `ModelConfig` as they were given.

    Returns:
        The settings with the digests.

    Raises:
        HoldfastError: There is no such backbone, or settings do not go together.
    """
    values = dict(values)
    backbone = values.get("backbone")
    if not isinstance(backbone, str):
        for name in ABOUT_BACKBONE:
            if values.get(name) not in (None, ModelConfig.model_fields[name].default):
                raise HoldfastError(
                    f"model.{name}={values[name]!r} has no effect here: it has one only with "
                    "model.backbone, a pretrained network (--backbone). Leave it out"
                )
        return values
    known = values.get("backbone_content") or {}
    # The digests of a finished run stay, so that a backbone that changed since then is noticed.
    if isinstance(known, dict):
        values["backbone_content"] = digests_of(backbone, values.get("backbone_factory"), known)
    if backbone.endswith(".onnx") and not (values.get("frozen") or values.get("backbone_lr") == 0):
        raise HoldfastError(
            f"model.backbone={backbone!r} is an ONNX file, which can't be trained; give "
            "frozen=true (--frozen), or the weights and the function that makes the network"
        )
    return values


def digests_of(backbone: str, factory: object, known: Mapping[str, str]) -> dict[str, str]:
    """Compute what a backbone is known by: digests of its weights and of its factory's source.

    Args:
        backbone: The file, the folder or the name.
        factory: The name of the function that makes the network, or None.
        known: Digests that stay as they are.

    Returns:
        The digests, by the names of backbone and factory.

    Raises:
        HoldfastError: They do not exist, or do not go together.
    """
    names = [backbone]
    if isinstance(factory, str):
        names.append(factory)
    if all(name in known for name in names):
        return {name: known[name] for name in names}
    # `holdfast run --help` reads this module without PyTorch.
    from holdfast.models.backbone_places import find_backbone
    from holdfast.models.own_networks import named_function
    from holdfast.own_code import module_digest
    from holdfast.streams.file_digests import network_digest

    place = find_backbone(backbone)
    if place.kind == "weights" and factory is None:
        raise HoldfastError(
            f"model.backbone={backbone!r} is a file of weights, so Holdfast needs the function "
            "that makes its network: give model.backbone_factory (--backbone-factory), such as "
            "mynet:make"
        )
    if place.kind != "weights" and factory is not None:
        raise HoldfastError(
            f"model.backbone_factory={factory!r} has no effect, because {backbone!r} is no file of "
            "weights; leave it out"
        )
    digests = {backbone: network_digest(place.path)}
    if isinstance(factory, str):
        named_function(factory)  # raises an error if there is none
        digests[factory] = module_digest(factory.partition(":")[0], factory)
    return digests


def without_place(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the path of a backbone by its digest, for a hash that no move of the files changes.

    The name of the factory's module gives way to the digest of its source.

    Args:
        values: The settings of the model as plain values.
    """
    plain = dict(values)
    digests: dict[str, str] = plain.pop("backbone_content", {})
    backbone = plain.get("backbone")
    if backbone in digests:
        plain["backbone"] = digests[backbone]
    factory = plain.get("backbone_factory")
    if factory in digests:
        function = factory.partition(":")[2]
        plain["backbone_factory"] = f"{digests[factory]}:{function}"
    return plain
