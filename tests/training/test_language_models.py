"""A learner on causal language models: against a bare loop, what methods keep, and refusals."""

import copy
import warnings

import pytest
import torch
from transformers import BertConfig, BertLMHeadModel

from holdfast.engine.objectives import NextToken
from holdfast.engine.rows import Rows
from holdfast.errors import HoldfastError
from holdfast.models.language import language_model, language_model_from_pretrained
from holdfast.streams.language import Texts, from_prompts
from holdfast.training import Learner, optimizer
from holdfast.training.text_scores import ExactMatch, LogLikelihood, TokenAccuracy
from small_language_models import END, VOCABULARY, Letters, copies, small_model, two_tasks


def learner_of(method="FineTune()", scenario="domain", model=None, **settings):
    network = language_model(model or small_model())
    rate = settings.pop("rate", 0.01)
    return Learner(
        network,
        method,
        optimizer("adamw", lr=rate),
        scenario=scenario,
        objective="language",
        **({"batch_size": 8} | settings),
    )


def test_plain_training_gives_the_weights_of_a_bare_loop_with_transformers():
    stream = two_tasks()
    ours = learner_of()
    theirs = small_model().train()
    steps = torch.optim.AdamW(theirs.parameters(), lr=0.01)
    for task in stream:
        ours.begin(task)
        for batch in ours.view.batches():
            loss = theirs(**batch.x.tensors).loss
            steps.zero_grad()
            loss.backward()
            steps.step()
            torch.testing.assert_close(ours.step(batch), loss.detach())
        ours.end()
    for a, b in zip(ours.model.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


METHODS = ["ER(10)", "EWC(10, samples=5)", "OnlineEWC(1, samples=5)", "LwF()", "OLoRA(rank=2)"]


@pytest.mark.parametrize("method", [*METHODS, "AGEM(10)", "SI(1)", "MAS(1, samples=5)"])
def test_a_run_continues_from_the_middle_of_a_task_bit_for_bit(method, tmp_path):
    stream = two_tasks()
    whole = learner_of(method).train(*stream)
    first = learner_of(method)
    first.train(stream[0])
    first.begin(stream[1])
    batches = first.view.batches()
    first.step(next(batches))
    first.save(tmp_path / "half")
    rest = learner_of(method)
    rest.load(tmp_path / "half")
    rest.begin(stream[1])
    for batch in rest.view.batches():
        rest.step(batch)
    rest.end()
    for a, b in zip(whole.model.parameters(), rest.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_an_adapter_per_task_leaves_earlier_answers_alone():
    stream = two_tasks("task")
    learner = learner_of("LoRA(2, freeze='start')", "task", rate=0.05)
    frozen = [p.detach().clone() for p in learner.model.parameters()]
    learner.train(stream[0])
    before = learner.evaluate(stream[0])
    outputs = learner.predict(stream[0].test.fetch(torch.arange(4))[0], task=0)
    learner.train(stream[1])
    after = learner.predict(stream[0].test.fetch(torch.arange(4))[0], task=0)
    assert torch.equal(outputs, after)
    assert torch.equal(before, learner.evaluate(stream[0]))
    others = learner.predict(stream[0].test.fetch(torch.arange(4))[0], task=1)
    assert not torch.equal(outputs, others)
    base = [p for name, p in learner.model.named_parameters() if "lora" not in name]
    assert all(torch.equal(a, b) for a, b in zip(frozen, base, strict=True))


def test_the_vocabulary_is_frozen_with_adapters_even_if_it_is_not_tied():
    learner = learner_of("LoRA(2, freeze='start')", "task", small_model(tied=False))
    learner.begin(two_tasks("task")[0])
    assert not learner.model.head.linear.weight.requires_grad


def test_exact_match_is_what_greedy_decoding_says():
    stream = two_tasks(train=200, test=20)
    learner = learner_of(epochs=6)
    learner.train(stream[0])
    found = learner.evaluate(stream[0])
    model = language_model_as_is(learner)
    said = []
    for prompt, answer in copies(20, 1):
        ids = torch.tensor([Letters()(prompt)["input_ids"]])
        with torch.no_grad():
            all_ids = model.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False
            )
        expected = [*Letters()(answer)["input_ids"], END]
        said.append(all_ids[0, ids.shape[1] :].tolist()[: len(expected)] == expected)
    assert 0 < sum(said) < 20
    assert found.tolist() == [float(one) for one in said]


def test_scores_of_tokens_are_those_of_each_text():
    x = two_tasks()[0].test.fetch(torch.arange(4))[0]
    rows = Rows.of_task(x, torch.zeros(4, dtype=torch.long), 0)
    network = language_model(small_model())
    with torch.no_grad():
        logits = network(x)
        for place in range(4):
            alone = x[place : place + 1]
            loss = small_model()(**alone.tensors).loss
            torch.testing.assert_close(LogLikelihood()(logits, rows)[place], -loss)
    share = TokenAccuracy()(logits, rows)
    assert bool(((share >= ExactMatch()(logits, rows)) & (share <= 1)).all())


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused_before_training():
    class Larger(Letters):
        def __len__(self) -> int:
            return VOCABULARY + 1

    stream = from_prompts({"a": Texts(copies(4), copies(2))}, Larger())
    with pytest.raises(HoldfastError, match=r"knows 51 tokens, but the model 50"):
        learner_of().fit(stream)


@pytest.mark.parametrize("method", ["DERpp(10)", "KFACEWC(1)", "LatentReplay(10)", "NCM()"])
def test_methods_that_need_one_answer_per_row_are_refused(method):
    with pytest.raises(HoldfastError, match="objective='language'"):
        learner_of(method)


def test_models_without_a_plain_output_layer_are_refused():
    with pytest.raises(HoldfastError, match="no linear output layer"):
        language_model(torch.nn.Linear(2, 2))
    capped = small_model()
    plain = capped.forward

    def forward(**inputs):
        out = plain(**inputs)
        out.logits = torch.tanh(out.logits)
        return out

    capped.forward = forward
    with pytest.raises(HoldfastError, match="changes the logits"):
        language_model(capped)


# transformers warns of a name that peft still uses.
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_adapters_of_peft_alone_are_trained():
    from peft import LoraConfig, get_peft_model

    wrapped = get_peft_model(small_model(), LoraConfig(r=2, target_modules=["q_proj"]))
    kept = copy.deepcopy(wrapped.state_dict())
    learner = learner_of("EWC(1, samples=4)", model=wrapped)
    learner.train(*two_tasks())
    assert 0 < learner.view.space.numel < 1000
    for name, tensor in wrapped.state_dict().items():
        assert torch.equal(tensor, kept[name]) != ("lora_" in name), name
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert learner.evaluate(two_tasks()[1]).shape == (8,)


def test_a_file_of_a_learner_makes_the_model_of_a_folder_again(tmp_path):
    small_model().save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "tokenizer_config.json").write_text("{}")
    network = language_model_from_pretrained(tmp_path / "model")
    learner = Learner(
        network, "ER(5)", scenario="domain", objective=NextToken("rows"), batch_size=8
    )
    learner.train(two_tasks()[0])
    learner.save(tmp_path / "learner")
    again = Learner.load(tmp_path / "learner")
    assert repr(again.setup.objective) == "NextToken(weighting='rows')"
    x = two_tasks()[1].test.fetch(torch.arange(3))[0]
    assert torch.equal(again.predict(x), learner.predict(x))


def test_a_folder_without_a_language_model_is_refused(tmp_path):
    with pytest.raises(HoldfastError, match=r"no file or folder .*nothing"):
        language_model_from_pretrained(tmp_path / "nothing")
    (tmp_path / "damaged.gguf").write_bytes(b"GGUF and nothing else, so it is no model")
    with pytest.raises(HoldfastError, match=r"damaged.gguf is not readable"):
        language_model_from_pretrained(tmp_path, gguf="damaged.gguf")
    (tmp_path / "weights.pt").write_bytes(b"")
    with pytest.raises(HoldfastError, match="no model of the Transformers library"):
        language_model_from_pretrained(tmp_path / "weights.pt")


def test_a_model_that_reads_later_tokens_is_refused():
    config = BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        is_decoder=False,
    )
    encoder = BertLMHeadModel(config)
    # So that its logits are those of its output layer alone.
    encoder.cls.predictions.transform = torch.nn.Identity()
    with pytest.raises(HoldfastError, match="reads the tokens that come later"):
        language_model(encoder)


COLOURS = ("red", "green", "blue gray")


def colours(number, **options):
    examples = [(f"{k % 3}{k % 7}:", COLOURS[k % 3]) for k in range(number)]
    texts = Texts(examples, examples[:9], choices=COLOURS, **options)
    return from_prompts({"colours": texts, "copy": Texts(copies(16), copies(6, 1))}, Letters())


def test_a_task_with_choices_is_scored_by_the_most_probable_choice():
    stream = colours(30)
    learner = learner_of(epochs=3)
    learner.train(stream[0])
    found = learner.evaluate(stream[0])
    model = language_model_as_is(learner)
    for k, (prompt, right) in enumerate([(f"{k % 3}{k % 7}:", COLOURS[k % 3]) for k in range(9)]):
        likelihoods = []
        for choice in COLOURS:
            ids = torch.tensor([[*Letters()(prompt + choice)["input_ids"], END]])
            labels = ids.clone()
            labels[:, : len(prompt)] = -100
            with torch.no_grad():
                loss = model(input_ids=ids, labels=labels).loss
            likelihoods.append(-float(loss) * (len(choice) + 1))
        best = max(range(3), key=likelihoods.__getitem__)
        assert found[k] == float(COLOURS[best] == right)
    # The other task has no choices, and is scored by the exact match.
    assert learner.evaluate(stream[1]).shape == (6,)
    whole = learner_of(epochs=1).fit(stream)
    assert whole.matrix.score("colours", after="copy") <= 1


def test_choices_are_checked():
    with pytest.raises(HoldfastError, match="none of the choices"):
        from_prompts({"a": Texts([("a", "b")], [("a", "c")], choices=["b", "d"])}, Letters())
    with pytest.raises(HoldfastError, match="at least two different"):
        from_prompts({"a": Texts([("a", "b")], [("a", "b")], choices=["b", "b"])}, Letters())


def language_model_as_is(learner):
    """The trained weights in the model of transformers that the learner was made of."""
    model = small_model()
    state = learner.model.state_dict()
    body = {
        name.replace("backbone.network.", "model."): value
        for name, value in state.items()
        if name.startswith("backbone")
    }
    model.load_state_dict(body | {"lm_head.weight": learner.model.head.linear.weight})
    return model


@pytest.mark.parametrize("method", ["FineTune()", "ER(8)", "SI(0.5)"])
def test_micro_batches_train_what_the_whole_batch_would(method):
    stream = two_tasks()
    whole = learner_of(method).train(*stream)
    # Texts have different numbers of tokens, so the parts of a batch weigh differently.
    parts = learner_of(method, accumulate=3).train(*stream)
    for a, b in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=2e-4)
