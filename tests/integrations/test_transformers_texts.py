"""A Trainer of causal language models trains what a loop of Holdfast trains on the same texts."""

import math

import pytest
import torch
from tokenizers import Tokenizer, models
from trainers import ADAMW, arguments, bert, distance, own_loop, texts, trainer
from transformers import (
    DataCollatorForSeq2Seq,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
)

from helpers import same, weights
from holdfast.integrations.transformers import ContinualTrainer
from holdfast.integrations.transformers.rows import TaskRows
from holdfast.streams.language import Texts, from_prompts
from small_language_models import END, Letters, small_model, two_tasks


def both(folder, method, model=small_model, own=None, **options):
    """The learner of a Trainer, and one that was trained on the same batches by `Learner.step`."""
    stream = two_tasks()
    tested = trainer(folder, stream, method, model=model(), **options)
    batches = []
    for _ in stream:
        tested.train()
        batches.append(tested.taken())
    return tested, own_loop(stream, method, batches, ADAMW, model(), **(own or {}))


@pytest.mark.parametrize("method", ["FineTune", "ER(10)", "EWC(10, samples=5)", "LwF"])
def test_a_trainer_gives_the_weights_of_our_own_loop(method, tmp_path):
    tested, own = both(tmp_path, method)
    assert tested.learner.state.progress.steps == own.state.progress.steps == 12
    assert distance(tested.learner, own) < 1e-5


def test_micro_batches_of_texts_are_those_of_the_learner(tmp_path):
    options = {"gradient_accumulation_steps": 2, "per_device_train_batch_size": 4}
    tested, own = both(tmp_path, "ER(10)", own={"accumulate": 2}, **options)
    assert distance(tested.learner, own) < 1e-5


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_adapters_of_peft_train_alone_and_are_saved_alone(tmp_path):
    peft = pytest.importorskip("peft")

    def adapted():
        config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
        torch.manual_seed(1)
        return peft.get_peft_model(small_model(), config)

    tested, own = both(tmp_path, "EWC(10, samples=5)", adapted)
    assert distance(tested.learner, own) < 1e-5
    tested.save_model(str(tmp_path / "model"))
    assert not (tmp_path / "model" / "model.safetensors").exists()
    loaded = peft.PeftModel.from_pretrained(small_model(), tmp_path / "model").eval()
    ids = torch.tensor([[3, 4, 5, 6]])
    with torch.no_grad():
        assert torch.equal(loaded(input_ids=ids).logits, tested._output.model.eval()(ids).logits)


def test_a_saved_model_is_loaded_by_transformers(tmp_path):
    tested, _ = both(tmp_path, "ER(10)")
    tested.save_model(str(tmp_path / "model"))
    loaded = LlamaForCausalLM.from_pretrained(tmp_path / "model").eval()
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight
    x, _, _ = two_tasks()[0].test.fetch(torch.arange(3))
    with torch.no_grad():
        loss = loaded(**x.tensors).loss
        logits = tested.learner.predict(x)
    said = x["labels"][:, 1:][x["labels"][:, 1:] != -100]
    counted = logits[logits.abs().sum(-1) != 0]
    assert float(loss) == pytest.approx(float(torch.nn.functional.cross_entropy(counted, said)))


def test_a_killed_run_resumes_bit_for_bit(tmp_path):
    from test_transformers_checkpoints import SAVING, Killed

    general = {"general": two_tasks(test=5)[0].test}
    follow = SAVING | {"track": general}
    whole = trainer(tmp_path / "whole", two_tasks(), "ER(10)", model=small_model(), **follow)
    run = whole.fit()
    assert run.tracks["general"].points == [None, "copy", "reverse"]
    options = follow | {"model": small_model(), "callbacks": [Killed(10)]}
    with pytest.raises(KeyboardInterrupt):
        trainer(tmp_path / "killed", two_tasks(), "ER(10)", **options).fit()
    second = trainer(tmp_path / "killed", two_tasks(), "ER(10)", model=small_model(), **follow)
    assert second.fit(True).tracks["general"].losses == run.tracks["general"].losses
    assert same(weights(second.learner.model), weights(whole.learner.model))


def letters() -> PreTrainedTokenizerFast:
    """A tokenizer of transformers with a token per number."""
    words = {str(number): number for number in range(50)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="49"))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="0", eos_token="1", unk_token="49"
    )


def test_a_collator_of_transformers_makes_the_same_batches(tmp_path):
    tokenizer = letters()
    collator = DataCollatorForSeq2Seq(tokenizer, padding=True)
    args = arguments(tmp_path)
    theirs = ContinualTrainer(
        small_model(), args, tasks=two_tasks(), method="ER(10)", data_collator=collator
    )
    theirs.fit()
    ours = ContinualTrainer(small_model(), args, tasks=two_tasks(), method="ER(10)")
    ours.fit()
    assert distance(theirs.learner, ours.learner) < 1e-5


def test_metrics_get_the_tokens_that_count(tmp_path):
    stream = two_tasks()
    seen = []

    def exact(prediction):
        right = prediction.predictions.argmax(-1) == prediction.label_ids
        counts = prediction.label_ids != -100
        seen.append(float((right | ~counts).all(1).mean()))
        return {"exact": seen[-1]}

    tested = trainer(
        tmp_path,
        stream,
        "FineTune",
        model=small_model(),
        max_steps=30,
        compute_metrics=exact,
        eval_dataset=TaskRows(stream[0].test),
    )
    tested.train()
    metrics = tested.evaluate()
    assert math.isfinite(metrics["eval_loss"])
    assert metrics["eval_exact"] == pytest.approx(float(tested.learner.evaluate(stream[0]).mean()))


@pytest.mark.parametrize("kind", ["texts", "classes"])
def test_without_a_method_it_trains_what_a_plain_trainer_trains(kind, tmp_path):
    if kind == "texts":
        stream, make = two_tasks(), small_model
    else:
        stream = texts("domain")
        sure = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        make = lambda: bert(2, **sure)  # noqa: E731
    args = arguments(tmp_path, lr_scheduler_type="linear", weight_decay=0.1)
    with_tasks = ContinualTrainer(make(), args, tasks=stream)
    with_tasks.train()
    plain = make()
    Trainer(
        plain,
        args,
        train_dataset=TaskRows(stream[0].train),
        data_collator=with_tasks.data_collator,
    ).train()
    with_tasks.save_model(str(tmp_path / "model"))
    trained = type(plain).from_pretrained(tmp_path / "model").state_dict()
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(trained[name], tensor, rtol=0, atol=1e-5)


def test_of_choices_the_right_one_is_evaluated(tmp_path):
    examples = [(f"{number}?", "ab"[number % 2]) for number in range(8)]
    task = Texts(examples, examples, validation=examples[:3], choices=["a", "b"])
    stream = from_prompts({"choose": task}, Letters())
    tested = trainer(tmp_path, stream, "FineTune", model=small_model(), eval_strategy="epoch")
    tested.train()
    rows = TaskRows(stream[0].validation)
    assert len(rows) == 3
    said = [row["labels"][row["labels"] != -100].tolist() for row in rows]
    assert said == [[*Letters()(text)["input_ids"], END] for _, text in examples[:3]]
    assert math.isfinite(tested.evaluate()["eval_loss"])
