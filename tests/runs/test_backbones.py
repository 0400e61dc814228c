"""Runs with a pretrained backbone: one pass per example, the hash, and mistakes before training."""

import shutil
from pathlib import Path

import pytest
import torch

from holdfast import HoldfastError
from holdfast.cli.main import run_cli
from holdfast.models.pretrained import Precomputed
from holdfast.results.storage import read_result
from holdfast.runs import backbones, build
from holdfast.runs.build import build_learner, build_stream
from holdfast.runs.config import RunConfig
from holdfast.runs.options import notes
from holdfast.streams.computed import FeaturePart
from holdfast.validation import validated

NET = """
from torch import nn

class Net(nn.Module):
    passed = 0

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU())
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        Net.passed += len(x)
        return self.fc(self.body(x))

make = Net
"""


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory):
    """A folder with a network that was trained for a moment on digits that are turned."""
    folder = tmp_path_factory.mktemp("net")
    (folder / "small_net.py").write_text(NET)
    return folder


@pytest.fixture
def net(module_folder, tmp_path, monkeypatch):
    """The module of the network, with its weights in the current folder and an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(module_folder))
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(backbones, "_shared", {})
    import small_net

    torch.manual_seed(0)
    trained = small_net.make()
    trained(torch.rand(50, 1, 8, 8))  # moves the statistics of BatchNorm
    torch.save(trained.state_dict(), "w.pt")
    small_net.Net.passed = 0
    return small_net.Net


def config(method="ER(40)", training=None, scenario="class", **model):
    model = {"backbone": "w.pt", "backbone_factory": "small_net:make"} | model
    return validated(
        RunConfig,
        method=method,
        scenario=scenario,
        data={"fraction": 0.2},
        model=model,
        training={"epochs": 2, "batch_size": 32} | (training or {}),
    )


def call(*words):
    with pytest.raises(SystemExit) as done:
        run_cli([*map(str, words)])
    return done.value.code


# ---- frozen features


def rows_of(stream):
    return sum(len(task.train) + len(task.test) for task in stream)


def test_a_frozen_backbone_passes_each_example_once_over_epochs_methods_and_runs(net):
    run = config(frozen=True)
    stream = build_stream(run)
    assert isinstance(stream[0].train, FeaturePart)
    learner = build_learner(run, stream)
    learner.fit(stream)
    # Checks and the search for shapes look at a few rows more.
    passed = net.passed
    assert rows_of(stream) <= passed <= rows_of(stream) + 40
    for other in (config(frozen=True), config("RanPAC()", {"epochs": 1}, frozen=True)):
        again = build_stream(other)
        build_learner(other, again).fit(again)
    assert net.passed <= passed + 2 * 40


@pytest.mark.parametrize(
    ("method", "scenario"),
    [("NCM()", "class"), ("ER(40)", "class"), ("EWC(1) + LwF()", "domain"), ("GEM(10)", "task")],
)
def test_results_are_the_same_with_and_without_kept_features(net, method, scenario, monkeypatch):
    def fitted():
        run = config(method, scenario=scenario, frozen=True)
        stream = build_stream(run)
        learner = build_learner(run, stream)
        return learner.fit(stream).matrix, learner.model

    kept, with_cache = fitted()
    for where in (build, backbones):
        monkeypatch.setattr(where, "reads_features", lambda _: False)
    computed, plain = fitted()
    assert isinstance(with_cache.backbone, Precomputed)
    assert not isinstance(plain.backbone, Precomputed)
    assert kept == computed
    for one, other in zip(with_cache.head.parameters(), plain.head.parameters(), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert sum(p.numel() for p in with_cache.parameters()) == sum(
        p.numel() for p in plain.parameters()
    )


@pytest.mark.parametrize(
    ("method", "model", "training", "kept"),
    [
        ("ER(40)", {"frozen": True}, {}, True),
        ("SLDA()", {"backbone_lr": 0.0}, {}, True),
        ("ER(40) + EWC(1)", {"frozen": True}, {}, True),
        ("ER(40)", {}, {}, False),
        ("ER(40)", {"backbone_lr": 0.1}, {}, False),
        ("NCM()", {"frozen": True}, {"precision": "bfloat16"}, False),
        ("LatentReplay(40)", {"frozen": True}, {}, False),
        ("GenerativeReplay()", {"frozen": True}, {}, False),
    ],
)
def test_features_are_kept_only_where_they_are_right(net, method, model, training, kept):
    run = config(method, training, **model)
    assert backbones.reads_features(run) is kept
    said = " ".join(notes([run]))
    assert ("computed once" in said) is kept
    assert ("computed in every pass" in said) is (run.model.keeps_backbone and not kept)


# ---- training


@pytest.mark.parametrize("method", ["FineTune", "EWC(1)", "MIR(40)", "LwF()", "OGD(10)"])
def test_a_rate_of_zero_keeps_the_backbone_byte_for_byte(net, method):
    run = config(method, backbone_lr=0.0)
    stream = build_stream(run)
    learner = build_learner(run, stream)
    learner.fit(stream)
    saved = torch.load("w.pt")
    now = learner.model.backbone.network.state_dict()
    assert all(torch.equal(now[name], saved[name]) for name in now)


def test_fine_tuning_moves_the_backbone_by_its_own_rate(net):
    run = config("ER(40)", backbone_lr=0.001)
    stream = build_stream(run)
    learner = build_learner(run, stream).train(stream[0])
    head, rest = learner.state.optimizers.main.param_groups
    assert (head["lr"], rest["lr"]) == (0.01, 0.001)
    saved = torch.load("w.pt")
    for name, parameter in learner.model.backbone.named_parameters():
        moved = (parameter - saved[name]).abs().max()
        assert 0 < moved < 0.05, name


def test_the_old_outputs_go_on_if_they_are_kept(net):
    run = config("FineTune", old_output="keep")
    learner = build_learner(run, build_stream(run))
    old = torch.load("w.pt")["fc.weight"]
    assert torch.equal(learner.model.head.linear.weight, old)
    # Another learner of the same process gets them as they were.
    frozen = config("FineTune", old_output="keep", frozen=True)
    stream = build_stream(frozen)
    build_learner(frozen, stream).train(stream[0])
    assert torch.equal(build_learner(frozen, stream).model.head.linear.weight, old)


# ---- what a run is known by


def test_the_hash_depends_on_the_weights_and_the_source_and_not_on_their_place(
    net, tmp_path, module_folder, monkeypatch
):
    here = config()
    (tmp_path / "elsewhere").mkdir()
    shutil.move("w.pt", tmp_path / "elsewhere" / "renamed.pth")
    moved = config(backbone=str(tmp_path / "elsewhere" / "renamed.pth"))
    assert moved.hash == here.hash
    state = torch.load(moved.model.backbone)
    torch.save({name: tensor + 1 for name, tensor in state.items()}, "w.pt")
    assert config().hash != here.hash
    torch.save(state, "w.pt")
    # The same function in a module of another name, and then with another source.
    Path("named_so.py").write_text((module_folder / "small_net.py").read_text())
    Path("edited.py").write_text((module_folder / "small_net.py").read_text() + "\n# edited\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    renamed = config(backbone=str(tmp_path / "w.pt"), backbone_factory="named_so:make")
    assert renamed.model.backbone_content["named_so:make"]
    edited = config(backbone_factory="edited:make")
    assert edited.hash not in (here.hash, renamed.hash)
    # The other settings count as well.
    assert len({config(**m).hash for m in ({}, {"frozen": True}, {"backbone_lr": 0.5})}) == 3


def test_old_settings_keep_their_form_and_new_ones_are_read_back(net):
    assert "backbone" not in str(RunConfig().model_dump(mode="json"))
    plain = config().plain()
    assert plain["model"]["backbone_content"].keys() == {"w.pt", "small_net:make"}
    # A result can be read where the weights are not.
    Path("w.pt").unlink()
    assert validated(RunConfig, **plain).hash == config_hash_of(plain)


def config_hash_of(plain):
    return validated(RunConfig, **plain).model_copy().hash


def test_a_backbone_that_changed_after_the_run_was_set_up_is_noticed(net):
    run = config(frozen=True)
    torch.save(net().state_dict(), "w.pt")
    with pytest.raises(HoldfastError, match=r"w\.pt changed after this run was set up"):
        build_stream(run)


# ---- the command line


def test_the_command_runs_and_says_what_it_keeps(net, capsys):
    options = ["--backbone", "w.pt", "--backbone-factory", "small_net:make", "--frozen"]
    assert not call("run", *options, "--method", "NCM()", "--fraction", "0.2", "--out", "o")
    assert "computed once and kept in the cache" in capsys.readouterr().err
    (folder,) = Path("o").glob("*/result.json")
    settings = read_result(folder).config.model
    assert settings["backbone"] == "w.pt"
    assert set(settings["backbone_content"]) == {"w.pt", "small_net:make"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--backbone gone.pt --backbone-factory small_net:make", "there is no file or folder"),
        ("--backbone w.pt", "give model.backbone_factory (--backbone-factory)"),
        ("--backbone w.pt --backbone-factory small_net:mke", "did you mean 'make'"),
        ("--backbone w.pt --backbone-factory small_net", "expected module:function"),
        ("--backbone-factory small_net:make", "has one only with model.backbone"),
        ("--old-output keep", "has one only with model.backbone"),
        ("GOOD --model convnet", "without model.backbone"),
        ("GOOD --hidden 20", "without model.backbone"),
        ("GOOD --backbone-lr -1", "model.backbone_lr must be at least 0"),
        ("GOOD --frozen --backbone-lr 0.1", "without model.frozen"),
        ("GOOD --method MER(20) --backbone-lr 0.1", "MER does it its own way"),
        ("GOOD --method NCM() --backbone-lr 0.1", "methods that train weights"),
        ("GOOD --output-layer fx", "did you mean 'fc'"),
        ("GOOD --old-output forget", "old_output"),
        ("GOOD --old-output keep --scenario domain", "10 outputs, but the tasks have 2"),
        ("GOOD --data rows.csv --tasks 2", "cannot read these inputs"),
        ("--backbone net.onnx --method NCM()", "an ONNX file, which can't be trained"),
    ],
)
def test_mistakes_end_before_the_first_step_and_leave_nothing(net, options, message, capsys):
    if "onnx" in options:
        pytest.importorskip("onnxruntime")
    Path("net.onnx").write_bytes(b"")
    Path("rows.csv").write_text("a,b,label\n" + "1,2,x\n3,5,y\n" * 9)
    good = "--backbone w.pt --backbone-factory small_net:make"
    words = options.replace("GOOD", good).split()
    assert call("run", *words, "--out", "o") == 2
    error = capsys.readouterr().err
    assert message in error, error
    assert "Traceback" not in error
    assert not list(Path("o").rglob("*"))


def test_a_suite_takes_a_backbone(net, capsys):
    Path("mine.toml").write_text(
        'name = "mine"\nscenarios = ["class"]\nseeds = [1]\n'
        'methods = [{spec = "NCM()", model = {frozen = true}}, {spec = "ER(20)"}]\n'
        "[data]\nfraction = 0.2\n"
        '[model]\nbackbone = "w.pt"\nbackbone_factory = "small_net:make"\n'
    )
    assert not call("bench", "mine.toml", "--out", "o", "--jobs", "1"), capsys.readouterr().err
    results = [read_result(path) for path in Path("o").glob("*/result.json")]
    frozen = {result.label: result.config.model.get("frozen") for result in results}
    assert frozen == {"NCM": True, "ER(20)": False}
