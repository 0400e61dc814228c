"""A verdict as JUnit XML, which CI systems show as a test report."""

from xml.sax.saxutils import quoteattr

from holdfast.gate.verdict import TaskVerdict, Verdict
from holdfast.text import shown, without_secrets

WHOLE = "the release as a whole"  # name of the case for the release


def as_junit(verdict: Verdict) -> str:
    """Write JUnit XML with one case per row, and one for the release as a whole.

    A row that keeps the release from passing is a failure. A row that is not shown to be within its
    limit, but does not count, is skipped, so that nothing that did not pass looks like a pass.
    """
    cases: list[str] = []
    failures = 0
    skipped = 0
    # One case per row: a success, a failure, or one that is skipped.
    for row in verdict.tasks:
        if row.settled:
            cases.append(_case(row.label))
        elif _keeps_from_passing(row, verdict):
            failures += 1
            message = f"{row.decision}: {row.reason}"
            cases.append(_case(row.label, _failure(row.decision, message)))
        else:
            skipped += 1
            message = quoteattr(shown(f"{row.decision}: {row.reason}"))
            cases.append(_case(row.label, f"<skipped message={message}/>"))
    # The last case makes the pipeline fail even if no single row does.
    if verdict.passed:
        cases.append(_case(WHOLE))
    else:
        failures += 1
        message = "; ".join([verdict.headline, *verdict.reasons])
        cases.append(_case(WHOLE, _failure(verdict.decision, message)))
    return _suite(cases, failures, skipped)


def broken_junit(reason: str) -> str:
    """Write JUnit XML for a gate that did not come to a decision, with one case, which fails.

    Args:
        reason: Why there is no decision. Passwords in it are hidden.
    """
    failure = _failure("no decision", without_secrets(reason))
    return _suite([_case(WHOLE, failure)], failures=1, skipped=0)


def _keeps_from_passing(row: TaskVerdict, verdict: Verdict) -> bool:
    """Whether a row that did not pass keeps the release from passing."""
    if not row.critical or row.waived:
        return False
    return row.decision == "fail" or (row.required and not verdict.passed)


def _failure(kind: str, message: str) -> str:
    """Write what failed."""
    # XML has no way to write most control characters, so `shown` puts ? in their place.
    return f"<failure type={quoteattr(kind)} message={quoteattr(shown(message))}/>"


def _case(name: str, content: str = "") -> str:
    """Write one case. Without content it is a success."""
    attributes = f'classname="holdfast.gate" name={quoteattr(shown(name))}'
    return f"  <testcase {attributes}>{content}</testcase>"


def _suite(cases: list[str], failures: int, skipped: int) -> str:
    """Write a whole document."""
    counts = f'tests="{len(cases)}" failures="{failures}" errors="0" skipped="{skipped}"'
    head = f'<testsuite name="holdfast gate" {counts}>'
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', head, *cases, "</testsuite>", ""]
    return "\n".join(lines)
