"""The laws as tests of pytest, for the tests of your own methods.

    # test_mine.py
    from holdfast.checks.testing import law_tests
    from mine import PullToStart

    test_laws = law_tests(PullToStart(0.1))

pytest then runs one test per law and scenario, such as
`test_laws[class: saved in the middle, it resumes bit for bit]`.
"""

from collections.abc import Callable, Sequence

from holdfast.checks import LAWS, LawBroken, check_law
from holdfast.checks.parts import Subject, subjects
from holdfast.methods import Method


def law_tests(
    *methods: Method | str, scenarios: Sequence[str] | None = None
) -> Callable[[Subject, str], None]:
    """Make one test per law, scenario and method.

    Args:
        *methods: The methods, or their specs. Give several if a method has branches, such as an
            argument that chooses between two ways of computing.
        scenarios: Where the laws are checked. None: in every scenario that the method declares.

    Returns:
        A test function with parameters. Assign it to a name that begins with `test`.

    Raises:
        HoldfastError: A spec cannot be read, a declaration is wrong, or there is no such scenario.

    Example:
        >>> test_laws = law_tests("FineTune", scenarios=["class"])
        >>> len(test_laws.pytestmark[0].args[1]) == len(LAWS)
        True
    """
    # Here and not above, because only tests need it.
    import pytest

    cases = []
    for method in methods:
        for subject in subjects(method, scenarios):
            of_method = ""
            if len(methods) > 1:
                of_method = f"{subject.tested!r}, "
            for name in LAWS:
                label = f"{of_method}{subject.scenario}: {name}"
                cases.append(pytest.param(subject, name, id=label))

    @pytest.mark.parametrize(("subject", "law"), cases)
    def test_law(subject: Subject, law: str) -> None:
        try:
            check_law(subject, law)
        except LawBroken as broken:
            # Where a law was broken is of no use, but where a method failed is.
            if broken.__cause__ is not None:
                raise
            pytest.fail(str(broken), pytrace=False)

    return test_law
