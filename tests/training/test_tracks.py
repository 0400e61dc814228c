"""Token losses of general text that are followed while a model learns something else."""

import pytest
import torch

from holdfast.errors import HoldfastError
from holdfast.metrics import TokenLosses
from holdfast.models import mlp
from holdfast.models.language import language_model
from holdfast.streams import Texts, digits, from_prompts, split
from holdfast.training import Learner, optimizer
from holdfast.training.checkpoint import Checkpoints
from small_language_models import Letters, copies, small_model, two_tasks


def general():
    texts = Texts([f"{a}{b}cab" for (a, b) in copies(12, 3)], [("a", "b")])
    return from_prompts({"general": texts}, Letters())[0].train


def learner_of(method="FineTune()", scenario="domain"):
    return Learner(
        language_model(small_model()),
        method,
        optimizer("adamw", lr=0.01),
        scenario=scenario,
        objective="language",
        batch_size=8,
    )


def loss_of_text(model, place):
    x = general().fetch(torch.tensor([place]))[0]
    with torch.no_grad():
        out = model(**x.tensors)
    return float(out.loss) * int((x["labels"][:, 1:] != -100).sum())


def test_a_track_has_the_losses_of_transformers_and_changes_nothing():
    plain = learner_of()
    plain.fit(two_tasks())
    learner = learner_of()
    run = learner.fit(two_tasks(), track={"general": general()})
    for a, b in zip(plain.model.parameters(), learner.model.parameters(), strict=True):
        assert torch.equal(a, b)
    track = run.tracks["general"]
    assert isinstance(track, TokenLosses)
    assert track.points == [None, "copy", "reverse"]
    for place in range(3):
        assert track.losses[0][place] == pytest.approx(loss_of_text(small_model(), place), rel=1e-4)
    assert "rise of the token loss on general" in repr(run)
    assert track.losses[1] != track.losses[0]


def test_a_track_is_read_by_the_adapter_of_the_last_task():
    learner = learner_of("LoRA(2, freeze='start')", "task")
    track = learner.fit(two_tasks("task"), track={"general": general()}).tracks["general"]
    assert track.losses[0][0] == pytest.approx(loss_of_text(small_model(), 0), rel=1e-4)
    assert track.losses[2] != track.losses[1]


def test_a_killed_run_goes_on_with_its_tracks(tmp_path):
    class KilledError(Exception):
        pass

    def stop(task, step, steps):
        if task.index == 1 and step == 2:
            raise KilledError

    tracks = {"general": general()}
    whole = learner_of().fit(two_tasks(), track=tracks)
    checkpoints = Checkpoints(tmp_path, every=0)
    with pytest.raises(KilledError):
        learner_of().fit(two_tasks(), track=tracks, checkpoints=checkpoints, progress=stop)
    with pytest.raises(
        HoldfastError, match=r"followed the tracks \['general'\], but track has \[\]"
    ):
        learner_of().fit(two_tasks(), checkpoints=Checkpoints(tmp_path, every=0))
    rest = learner_of().fit(two_tasks(), track=tracks, checkpoints=Checkpoints(tmp_path, every=0))
    assert rest.tracks == whole.tracks


def test_tracks_of_other_networks_and_empty_ones_are_refused():
    stream = split(digits(), 5, "class")
    classifier = Learner(mlp(stream.shape, "growing", hidden=[4]), scenario="class")
    with pytest.raises(HoldfastError, match="needs a language model"):
        classifier.fit(stream, track={"general": general()})
