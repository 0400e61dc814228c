"""Adapters on attention projections: the same layers, outputs and parameters as peft's own."""

import copy

import pytest
import torch

from holdfast import HoldfastError, Learner
from holdfast.methods import LoRA, parse_method
from holdfast.models import Classifier, Pooled, make_head
from holdfast.models.adapted import Adapted
from holdfast.models.adapter_targets import target_layers

transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

SMALL = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
IDS = torch.tensor([[2, 5, 6, 3], [2, 7, 3, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])


def bert():
    config = transformers.BertConfig(**SMALL, intermediate_size=16)
    return transformers.BertModel(config, add_pooling_layer=False)


def llama(kind="LlamaModel"):
    config = transformers.LlamaConfig(**SMALL, intermediate_size=16, tie_word_embeddings=True)
    return getattr(transformers, kind)(config)


def gpt2():
    config = transformers.GPT2Config(vocab_size=20, n_embd=8, n_layer=2, n_head=2)
    return transformers.GPT2Model(config)


FAMILIES = {
    "bert": (bert, ["query", "value"], r".*layer\.1\.attention\.self\.(query|key)"),
    "llama": (
        llama,
        ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj"],
        r"layers\.0\.mlp\..*_proj",
    ),
    "gpt2": (gpt2, ["c_attn"], r"h\.\d\.(attn|mlp)\.c_proj"),
}
CASES = [(family, form) for family in FAMILIES for form in ("names", "expression", "all-linear")]


def named(family, form):
    make, names, expression = FAMILIES[family]
    return make, {"names": names, "expression": expression, "all-linear": "all-linear"}[form]


def adapted(network, targets, pooled=True):
    torch.manual_seed(1)
    backbone = Pooled(network) if pooled else network
    model = Adapted(Classifier(backbone, make_head("growing", 8)), 2, 6.0, True, 0, targets)
    model.head.open(0, 0, 2)
    return model.eval()


@pytest.mark.filterwarnings("ignore::FutureWarning")  # inside of peft
@pytest.mark.parametrize(("family", "form"), CASES)
def test_adapters_sit_where_those_of_peft_do_and_compute_the_same(family, form):
    make, targets = named(family, form)
    network = make().eval()
    theirs = peft.LoraConfig(
        r=2, lora_alpha=6.0, target_modules=targets, fan_in_fan_out=family == "gpt2"
    )
    reference = peft.get_peft_model(copy.deepcopy(network), theirs, adapter_name="task_0")
    model = adapted(network, targets)
    prefix = "base_model.model."
    wanted = {n.removeprefix(prefix): p for n, p in reference.named_parameters()}
    prefix = "backbone.network."
    ours = {n.removeprefix(prefix): p for n, p in model.named_parameters()}
    learnt = {name for name, p in wanted.items() if p.requires_grad}
    assert learnt == {n for n, p in ours.items() if p.requires_grad and "head" not in n}
    with torch.no_grad():
        for name in learnt:
            wanted[name].copy_(torch.randn_like(wanted[name]))
            ours[name].copy_(wanted[name])
        states = reference(input_ids=IDS, attention_mask=MASK).last_hidden_state
        made = model.backbone.network(input_ids=IDS, attention_mask=MASK).last_hidden_state
    assert torch.equal(states, made)


def test_without_names_every_linear_layer_of_every_family_has_an_adapter():
    for make, _, _ in FAMILIES.values():
        network = make()
        assert target_layers(network, None) == target_layers(network, "all-linear")
    assert len(target_layers(bert(), None)) == 2 * 6
    assert len(target_layers(llama(), None)) == 2 * 7
    assert len(target_layers(gpt2(), None)) == 2 * 4


def test_names_begin_inside_the_model_of_transformers_however_it_is_wrapped():
    inner = target_layers(llama(), r"layers\.0\..*")
    wrapped = target_layers(torch.nn.ModuleList([Pooled(llama())]), r"layers\.0\..*")
    assert wrapped == [f"0.network.{name}" for name in inner]
    causal = target_layers(llama("LlamaForCausalLM"), r"model\.layers\.0\..*")
    assert causal == [f"model.{name}" for name in inner]


def test_the_layer_tied_to_the_embedding_stays_as_it_is():
    network = llama("LlamaForCausalLM")
    assert "lm_head" not in target_layers(network, None)
    tied = network.lm_head.weight
    model = adapted(network, None, pooled=False)
    assert network.lm_head.weight is tied is network.model.embed_tokens.weight
    assert not tied.requires_grad
    assert not [name for name, _ in model.named_parameters() if "lm_head.lora" in name]


def test_a_longer_name_with_the_same_ending_carries_no_adapter():
    layers = torch.nn.Sequential(
        torch.nn.Linear(4, 4), torch.nn.Sequential(torch.nn.LayerNorm(4), torch.nn.Linear(4, 8))
    )
    model = adapted(layers, None, pooled=False)
    assert model.targets == ["0", "1.1"]
    assert len(model.layers()) == 2


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (["query", "q_proj"], "'q_proj', .* end in: query, key, value, dense. Give a list"),
        ("query", r"expression target_modules='query' fits the whole name of no linear layer"),
        (["word_embeddings"], "'word_embeddings', which ends the name of no linear layer"),
        ("(", "no regular expression"),
        ([], "must be a list of names"),
        ("", "must be a list of names"),
        ([3], "must be a list of names"),
        (4, "must be a list of names"),
    ],
)
def test_a_name_that_fits_no_layer_lists_those_that_there_are(targets, message):
    with pytest.raises(HoldfastError, match=message):
        Learner(
            Classifier(Pooled(bert()), make_head("separate", 8)),
            LoRA(target_modules=targets),
            scenario="task",
        )


def test_layers_that_are_numbered_are_listed_with_what_stands_before():
    layers = torch.nn.Sequential(*[torch.nn.Linear(4, 4) for _ in range(14)])
    with pytest.raises(HoldfastError, match=r"end in: 0, 1, .*11, … \(14 in all\)"):
        target_layers(layers, ["query"])


def test_a_network_that_carries_adapters_of_peft_is_refused():
    network = peft.inject_adapter_in_model(peft.LoraConfig(target_modules=["query"]), bert())
    with pytest.raises(HoldfastError, match=r"carries adapters of peft already .*merge_and_unload"):
        adapted(network, None)


@pytest.mark.parametrize("name", ["LoRA", "OLoRA"])
def test_a_spec_names_the_layers_and_reads_itself_again(name):
    for targets in ("['query', 'value']", r"'.*\\.query'", "'all-linear'"):
        method = parse_method(f"{name}(target_modules={targets})")
        assert repr(parse_method(repr(method))) == repr(method)
        assert "target_modules=" in repr(method)
    assert "target_modules" not in repr(parse_method(f"{name}(rank=4)"))
