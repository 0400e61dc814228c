"""What streams, matrices, runs and learners print, in a terminal and in a notebook."""

from html.parser import HTMLParser

from holdfast.methods import ER
from holdfast.metrics import AccuracyMatrix
from holdfast.models import mlp
from holdfast.streams import digits, split
from holdfast.training import Learner, optimizer

STREAM = split(digits().limited(200, 0), 5, "class")


class Tags(HTMLParser):
    """Collects the elements of a text, and the text between them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.texts = set(), [], []
        self.feed(text)
        assert self.open == [], "an element is not closed"

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def matrix(*names, **kind):
    m = AccuracyMatrix(names, **kind)
    for place, after in enumerate(names):
        for task in names[: place + 1]:
            m.record(task, after=after, score=0.5)
    return m


def test_a_matrix_is_a_small_table_of_points():
    m = AccuracyMatrix(["a", "bcd"])
    m.record("a", after="a", score=0.995)
    m.record("a", after="bcd", score=0.25)
    m.record("bcd", after="bcd", score=1.0)
    assert repr(m).splitlines() == [
        "AccuracyMatrix: 2 tasks, points on each after each",
        "after     a    bcd",
        "a      99.5",
        "bcd    25.0  100.0",
    ]
    assert "0.5" in repr(matrix("a", score_range=(0, 100)))


def test_names_are_cut_and_escaped_and_many_tasks_stay_small():
    m = matrix("<script>alert(1)</script>", "b\x1b[31m")
    page = Tags(m._repr_html_())
    assert "script" not in page.tags
    assert "\x1b" not in repr(m) + m._repr_html_()
    long = matrix(*(f"task number {number}" for number in range(40)))
    assert len(repr(long).splitlines()) == 14
    assert "40 tasks, the last 12" in repr(long)


def test_an_untrained_model_has_a_row():
    m = AccuracyMatrix(["a"])
    m.record("a", after=None, score=0.5)
    assert repr(m).splitlines()[-2:] == ["untrained  50.0", "a"]


def test_a_stream_and_a_task_say_their_sizes():
    lines = repr(STREAM).splitlines()
    assert lines[0] == (
        "Stream 'split-digits': 5 tasks, class scenario, 10 outputs, inputs 1 × 8 × 8"
    )
    assert lines[1] == "  0+1: 40 training rows, 72 test rows, 2 classes"
    assert repr(STREAM[0]) == "Task('0+1', number 1, 40 training and 72 test rows, outputs 0 to 1)"
    assert {"table", "th", "td"} <= Tags(STREAM._repr_html_()).tags
    assert len(repr(split(digits(), 10, "class")).splitlines()) == 11


def test_a_run_begins_with_its_matrix_and_names_what_was_not_learnt():
    model = mlp(STREAM.shape, "growing", hidden=[8], seed=0)
    learner = Learner(model, ER(20), optimizer("sgd", lr=1e-6), scenario="class")
    assert repr(learner) == (
        "Learner(ER(20), class scenario, 520 parameters, no optimizer yet, 0 tasks learnt)"
    )
    run = learner.fit(STREAM)
    assert "SGD with learning rate 1e-06, 5 tasks learnt" in repr(learner)
    assert repr(run).startswith("AccuracyMatrix: 5 tasks")
    assert "WARNING: nothing was learnt" in repr(run)
    assert "BWT: " in repr(run)
    assert any("nothing was learnt" in text for text in Tags(run._repr_html_()).texts)
    learner = Learner(mlp(STREAM.shape, "growing", seed=0), scenario="class")
    learner.begin(STREAM[0])
    assert "step 0 of 0+1" in repr(learner)
