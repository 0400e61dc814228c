"""What `holdfast advise` prints: methods to try with their reasons, and what an audit found."""

from typing import TYPE_CHECKING

from holdfast.text import shown

if TYPE_CHECKING:
    from holdfast.advice import Advice, Answers, Audit, Trial


def print_advice(advice: "Advice", answers: "Answers", trial: "Trial") -> None:
    """Print the scenario, the methods to try, and what speaks for and against methods."""
    print(f"scenario:     {advice.scenario}")
    print(f"architecture: {advice.architecture}\n")
    for rank, suggestion in enumerate(advice.suggestions, 1):
        print(f"{rank}. {suggestion.spec}")
        # Each reason is followed by its source, so that nobody has to believe it.
        for rule in suggestion.because:
            print(f"   {rule.reason}\n     ({rule.source})")
        print(f"   try: {suggestion.command}\n")
    if not advice.suggestions:
        _print_relaxations(advice)
    elif answers.pretrained and trial.backbone is None:
        print(
            "These commands use a small network that has learnt turned digits. Name your own with\n"
            "--backbone, or put it into the marked places of pretrained.py.\n"
        )
    for rule in advice.against:
        print(f"not {', '.join(rule.exclude)}: {rule.reason}\n     ({rule.source})")
    # Notes hold whatever the method is, so they come last.
    for rule in advice.notes:
        print(f"note: {rule.note}")


def _print_relaxations(advice: "Advice") -> None:
    """Say that no method fits, and which single answers would change that."""
    if advice.relax:
        print("No method fits these answers. Methods would fit if one answer were different:")
    else:
        print("No method fits these answers, and no single other answer would change that.")
    for answer, value, methods in advice.relax:
        print(f"  {in_words(answer)} = {in_words(value)}: {', '.join(methods)}")
    print()


def print_audit(audit: "Audit") -> None:
    """Print which columns differ, and what follows for the architecture."""
    if not audit.missing:
        print("Serving has every column of the training data except for the label.")
    for column in audit.missing:
        details = f"{column.values} values"
        # Without a task column there is nothing that a column could explain.
        if column.share is not None:
            details += f", explains {column.share:.0%} of the task"
        print(f"missing when serving: {shown(column.column)} ({details}): {column.verdict}")
    for name in audit.extra:
        print(f"new when serving: {shown(name)}: the model has not seen it in training")
    print(f"\n{shown(audit.conclusion)}")


def in_words(value: object) -> str:
    """Write an answer or its name for a reader: yes and no, and spaces in names."""
    if isinstance(value, bool):
        return ("no", "yes")[value]
    return str(value).replace("_", " ")
