"""The release gate: may a candidate replace the champion, and what did it forget?

The gate needs no PyTorch. It reads the results of two models, joins them on the example, tests
every task, segment and class, and decides by a policy.

What may be put where:

- `reading/`: one side's results, from any source to one checked table.
- `names.py`: names of the two sides that mean the same or look the same.
- `right_answers.py`: which predictions are their labels.
- `joining/`: both sides on the same examples, by task, segment and class.
- `statistics/`: the tests, and nothing that knows of policies.
- `policy.py`: what a policy may say, and reading it.
- `policy_template.py`: the commented policy file.
- `refusals.py`: comparisons that cannot be judged, and policies that do not fit them.
- `subjects.py`: what is judged, with its scores, its rule and its evidence.
- `rules.py`: the rules that a policy consists of.
- `measures/`: what the scores are: right answers, F1, areas under curves, errors, any column.
- `measuring.py`: the measure of each task, by the policy and the files of an evaluation tool.
- `evidence_of_pairs.py`: what the scores of both sides on the same examples show.
- `costs.py`: rules on latency, tokens and price.
- `units.py`: how scores and changes are written.
- `formats/`: readers of the files of evaluation tools.
- `levels.py`: at what level each subject is tested.
- `looks/`: judging a candidate before all of its examples are evaluated.
- `noise.py`: how much two runs of one model differ.
- `row_decisions.py`: the decision on one subject, and the words for it.
- `row_order.py`: the order of the rows.
- `whole_rules.py`: rules on all tasks together.
- `cautions.py`: what a verdict warns of.
- `release_decision.py`: the decision on the release, from its rows.
- `judge.py`: `Gate`, which calls these in turn.
- `verdict.py`: the types of a verdict.
- `provenance.py`: what a verdict was made of, and digests.
- `verifying.py`: whether a verdict is still what its inputs say.
- `sameness.py`: a champion and a candidate that are the same.
- `outputs.py`: the files of a verdict, and JSON.
- `junit.py`: a verdict as JUnit XML.
- `markdown.py`: a verdict as a summary and as a section of a model card.
- `comment.py`: a verdict as a comment on a pull request.
"""

from holdfast.gate.judge import Gate
from holdfast.gate.policy import Policy, read_policy
from holdfast.gate.policy_template import template
from holdfast.gate.reading import Side, read_side
from holdfast.gate.rules import TaskRule
from holdfast.gate.verdict import TaskVerdict, Verdict

__all__ = [
    "Gate",
    "Policy",
    "Side",
    "TaskRule",
    "TaskVerdict",
    "Verdict",
    "read_policy",
    "read_side",
    "template",
]
