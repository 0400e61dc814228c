"""The arguments of constructors: their defaults, and the ends of their ranges."""

import pytest

from holdfast.errors import HoldfastError
from holdfast.methods import METHODS, PRESETS, parse_method
from holdfast.methods.arguments import at_least

# A spec in an old result file leaves its defaults out, so a default that changes would give the
# file another meaning.
DEFAULTS = {
    "AGEM": "reference=0, memory='reservoir', insert='stream', project='gradient', "
    "balance='rows', store=None",
    "BiC": "capacity=200, share=0.1",
    "Cumulative": "",
    "DER": "alpha=0.5, batch=0",
    "DERpp": "alpha=0.5, beta=0.5, batch=0, draws=2",
    "ER": "ratio=0.5, weights='mean', memory='reservoir', insert='stream', balance='rows', "
    "store=None",
    "ERACE": "ratio=0.5, memory='reservoir', insert='stream', store=None",
    "EWC": "samples=1000, labels='auto', decay=1.0",
    "FineTune": "",
    "FromScratch": "",
    "GDumb": "",
    "GEM": "strength=0.5, ridge=0.001, batch=0",
    "GPM": "threshold=0.97, samples=300, project='gradient'",
    "GSS": "compare=10, ratio=0.5",
    "GenerativeReplay": "hidden=(400, 400), latent=100, labels='hard', temperature=2.0, lr=0.001",
    "HAT": "strength=0.75, scale=400.0",
    "Joint": "",
    "KFACEWC": "samples=1000, labels='auto'",
    "LaMAML": "alpha=0.1, rate=0.1, inner=5, ratio=0.5, clip=2.0",
    "LatentReplay": "depth=1, ratio=0.5, freeze='first', memory='class_balanced'",
    "LoRA": "rank=8, alpha=16.0, freeze='first'",
    "LowRankEWC": "rank=10, samples=200, labels='sampled'",
    "LwF": "alpha=1.0, temperature=2.0, outputs='old', t_squared=True, weight='one'",
    "MAS": "samples=1000",
    "MER": "rows=9, batches=1, beta=0.03, gamma=1.0",
    "MIR": "candidates=50, rows=0, memory='reservoir', insert='stream', store=None",
    "NCM": "",
    "OGD": "samples=200, project='gradient', limit_bytes=2000000000.0",
    "OLoRA": "strength=0.5, rank=8, alpha=16.0, freeze='first'",
    "OML": "inner_lr=0.1, inner=5, ratio=0.5",
    "OnlineEWC": "gamma=1.0, samples=1000, labels='auto', decay=1.0, normalize=False",
    "PNN": "lateral='below'",
    "PackNet": "tasks=None, share=0.5, epochs=1",
    "RWalk": "alpha=0.9, window=10, epsilon=0.001",
    "RanPAC": "projection=2000, ridge=1.0",
    "SI": "xi=0.1, gradient='task', clamp='none'",
    "SLDA": "shrinkage=0.0001",
    "SeparateNetworks": "",
    "SupSup": "share=0.5",
    "WA": "lengthen=False",
    "XdG": "gated=0.8",
    "iCaRL": "temperature=1.0, memory='herding'",
}
PRESETS_IN_FULL = {
    "ER_LwF": "ER(500) + LwF(alpha=1.0)",
    "ER_LwF_EWC": "ER(500) + EWC(10.0) + LwF(alpha=1.0)",
    "DERpp_BiC": "BiC(capacity=200) + DERpp(500)",
}


def test_every_method_and_preset_is_listed_here():
    assert set(METHODS) == set(DEFAULTS)
    assert set(PRESETS) == set(PRESETS_IN_FULL)


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_stay_what_old_specs_mean(name):
    signature = METHODS[name].signature().values()
    optional = [f"{p.name}={p.default!r}" for p in signature if p.default is not p.empty]
    assert ", ".join(optional) == DEFAULTS[name]
    needed = ", ".join(f"{p.name}=50" for p in signature if p.default is p.empty)
    in_full = ", ".join(filter(None, [needed, DEFAULTS[name]]))
    assert (
        parse_method(f"{name}({needed})").arguments == parse_method(f"{name}({in_full})").arguments
    )


@pytest.mark.parametrize("name", PRESETS)
def test_presets_stay_what_old_specs_mean(name):
    assert repr(PRESETS[name]()) == PRESETS_IN_FULL[name]


# ---- the ends of ranges

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


def test_an_argument_that_is_no_number_is_refused_by_its_name():
    for value in (True, "1", None, float("nan")):
        message = f"strength must be a number of at least 0, got {value!r}"
        with pytest.raises(HoldfastError, match=message):
            at_least("strength", value, 0)
