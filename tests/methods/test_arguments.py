"""The arguments of constructors at the ends of their ranges, and what is no number."""

import pytest

from holdfast.errors import HoldfastError
from holdfast.methods import parse_method
from holdfast.methods.arguments import at_least

SMALL = 1e-12  # the least value of what must be above 0
# The spec, the least value that is taken, and a value below that is refused.
LOWEST = [
    ("AGEM(10, reference={})", 0, -1),
    ("DER(10, alpha={})", 0, -0.1),
    ("DER(10, batch={})", 0, -1),
    ("DERpp(10, beta={})", 0, -0.1),
    ("EWC({})", 0, -0.1),
    ("EWC(1, samples={})", 0, -1),
    ("EWC(1, decay={})", 0, -0.1),
    ("GEM(10, strength={})", 0, -0.1),
    ("GEM(10, ridge={})", 0, -0.1),
    ("GEM(10, batch={})", 0, -1),
    ("GPM(samples={})", 1, 0),
    ("GSS(10, compare={})", 1, 0),
    ("GenerativeReplay(latent={})", 1, 0),
    ("GenerativeReplay(lr={})", SMALL, 0),
    ("GenerativeReplay(temperature={})", 1e-6, 0),
    ("HAT(strength={})", 0, -0.1),
    ("HAT(scale={})", 1, 0.9),
    ("KFACEWC({})", 0, -0.1),
    ("KFACEWC(1, samples={})", 0, -1),
    ("LaMAML(10, alpha={})", 0, -0.1),
    ("LaMAML(10, rate={})", 0, -0.1),
    ("LaMAML(10, inner={})", 1, 0),
    ("LaMAML(10, clip={})", SMALL, 0),
    ("LatentReplay(10, depth={})", 1, 0),
    ("LoRA(rank={})", 1, 0),
    ("LoRA(alpha={})", SMALL, 0),
    ("LowRankEWC({})", 0, -0.1),
    ("LowRankEWC(1, rank={})", 1, 0),
    ("LowRankEWC(1, samples={})", 1, 0),
    ("LwF(alpha={})", 0, -0.1),
    ("LwF(temperature={})", 1e-6, 0),
    ("MAS({})", 0, -0.1),
    ("MAS(1, samples={})", 0, -1),
    ("MER(10, rows={})", 0, -1),
    ("MER(10, batches={})", 1, 0),
    ("MER(10, beta={})", 0, -0.1),
    ("MER(10, gamma={})", 0, -0.1),
    ("MIR(10, candidates={})", 1, 0),
    ("MIR(10, rows={})", 0, -1),
    ("OGD(samples={})", 1, 0),
    ("OGD(limit_bytes={})", 1, 0.5),
    ("OLoRA(strength={})", 0, -0.1),
    ("OML(10, inner_lr={})", 0, -0.1),
    ("OML(10, inner={})", 1, 0),
    ("OnlineEWC({})", 0, -0.1),
    ("OnlineEWC(1, samples={})", 0, -1),
    ("OnlineEWC(1, decay={})", 0, -0.1),
    ("PackNet(tasks={})", 1, 0),
    ("PackNet(epochs={})", 0, -1),
    ("RWalk({})", 0, -0.1),
    ("RWalk(1, window={})", 1, 0),
    ("RWalk(1, epsilon={})", SMALL, 0),
    ("RanPAC(projection={})", 1, 0),
    ("RanPAC(ridge={})", SMALL, 0),
    ("SI({})", 0, -0.1),
    ("SI(1, xi={})", SMALL, 0),
    ("SLDA(shrinkage={})", 0, -0.1),
    ("iCaRL(10, temperature={})", 1e-6, 0),
]
# Shares: values in the range, and values just outside of it.
SHARES = [
    ("BiC(share={})", (1e-9, 1 - 1e-9), (0, 1)),
    ("ER(10, ratio={})", (0, 1 - 1e-9), (-1e-9, 1)),
    ("ERACE(10, ratio={})", (0, 1 - 1e-9), (-1e-9, 1)),
    ("GPM(threshold={})", (1e-9, 1), (0, 1 + 1e-9)),
    ("GSS(10, ratio={})", (0, 1 - 1e-9), (-1e-9, 1)),
    ("LaMAML(10, ratio={})", (0, 1 - 1e-9), (-1e-9, 1)),
    ("LatentReplay(10, ratio={})", (0, 1 - 1e-9), (-1e-9, 1)),
    ("OML(10, ratio={})", (0, 1 - 1e-9), (-1e-9, 1)),
    ("OnlineEWC(1, gamma={})", (0, 1), (-1e-9, 1 + 1e-9)),
    ("PackNet(share={})", (1e-9, 1 - 1e-9), (0, 1)),
    ("RWalk(1, alpha={})", (1e-9, 1), (0, 1 + 1e-9)),
    ("SupSup(share={})", (1e-9, 1 - 1e-9), (0, 1)),
    ("XdG(gated={})", (0, 1 - 1e-9), (-1e-9, 1)),
]


@pytest.mark.parametrize(("spec", "least", "refused"), LOWEST)
def test_the_least_value_is_taken_and_one_below_is_refused(spec, least, refused):
    assert least in parse_method(spec.format(least)).arguments.values()
    with pytest.raises(HoldfastError, match=f"got {refused}"):
        parse_method(spec.format(refused))


@pytest.mark.parametrize(("spec", "taken", "refused"), SHARES)
def test_a_share_is_taken_up_to_the_ends_of_its_range(spec, taken, refused):
    for value in taken:
        assert value in parse_method(spec.format(value)).arguments.values()
    for value in refused:
        with pytest.raises(HoldfastError, match=f"got {value}"):
            parse_method(spec.format(value))


def test_der_plus_plus_draws_once_or_twice():
    for draws in (1, 2):
        assert parse_method(f"DERpp(9, draws={draws})").arguments["draws"] == draws
    for draws in (0, 3):
        with pytest.raises(HoldfastError, match=f"draws must be 1 or 2, got {draws}"):
            parse_method(f"DERpp(9, draws={draws})")


def test_an_argument_that_is_no_number_is_refused_by_its_name():
    for value in (True, "1", None, float("nan")):
        message = f"strength must be a number of at least 0, got {value!r}"
        with pytest.raises(HoldfastError, match=message):
            at_least("strength", value, 0)
