"""The methods: one file each, with its paper, its equation, and where it differs and why.

A method that is exported here can be named in specs and in the command line, is listed by
`holdfast methods`, and is tested against every law (`holdfast.checks`). New code belongs:

- in a file with the name of the method, if it is a method;
- in `method` (the hooks), `declaration` (what a method declares), `arguments` (of constructors) and
  `compose` (sums), if it concerns all methods;
- in a base such as `replay`, `anchored`, `projection` or `frozen_features`, if several share it;
- in `presets`, if it is a sum of methods with a name of its own.
"""

from holdfast.methods.agem import AGEM
from holdfast.methods.bic import BiC
from holdfast.methods.compose import Composite
from holdfast.methods.cumulative import Cumulative
from holdfast.methods.der import DER
from holdfast.methods.derpp import DERpp
from holdfast.methods.ema import EMA
from holdfast.methods.er import ER
from holdfast.methods.er_ace import ERACE
from holdfast.methods.ewc import EWC
from holdfast.methods.finetune import FineTune
from holdfast.methods.freeze import Freeze
from holdfast.methods.from_scratch import FromScratch
from holdfast.methods.gdumb import GDumb
from holdfast.methods.gem import GEM
from holdfast.methods.generative_replay import GenerativeReplay
from holdfast.methods.gpm import GPM
from holdfast.methods.gss import GSS
from holdfast.methods.hat import HAT
from holdfast.methods.icarl import iCaRL
from holdfast.methods.interpolate import Interpolate
from holdfast.methods.joint import Joint
from holdfast.methods.kfac_ewc import KFACEWC
from holdfast.methods.kl_anchor import KLAnchor
from holdfast.methods.la_maml import LaMAML
from holdfast.methods.latent_replay import LatentReplay
from holdfast.methods.lora import LoRA
from holdfast.methods.low_rank_ewc import LowRankEWC
from holdfast.methods.lwf import LwF
from holdfast.methods.mas import MAS
from holdfast.methods.mer import MER
from holdfast.methods.method import Declaration, Method, Phase
from holdfast.methods.mir import MIR
from holdfast.methods.mix import Mix
from holdfast.methods.ncm import NCM
from holdfast.methods.o_lora import OLoRA
from holdfast.methods.ogd import OGD
from holdfast.methods.oml import OML
from holdfast.methods.online_ewc import OnlineEWC
from holdfast.methods.own import code_of
from holdfast.methods.packnet import PackNet
from holdfast.methods.pnn import PNN
from holdfast.methods.presets import PRESETS
from holdfast.methods.ranpac import RanPAC
from holdfast.methods.rwalk import RWalk
from holdfast.methods.separate_networks import SeparateNetworks
from holdfast.methods.si import SI
from holdfast.methods.slda import SLDA
from holdfast.methods.spec import named_class, parse_method
from holdfast.methods.supsup import SupSup
from holdfast.methods.task_arithmetic import TaskArithmetic
from holdfast.methods.wa import WA
from holdfast.methods.xdg import XdG

__all__ = [
    "AGEM",
    "DER",
    "EMA",
    "ER",
    "ERACE",
    "EWC",
    "GEM",
    "GPM",
    "GSS",
    "HAT",
    "KFACEWC",
    "MAS",
    "MER",
    "MIR",
    "NCM",
    "OGD",
    "OML",
    "PNN",
    "PRESETS",
    "SI",
    "SLDA",
    "WA",
    "BiC",
    "Composite",
    "Cumulative",
    "DERpp",
    "Declaration",
    "FineTune",
    "Freeze",
    "FromScratch",
    "GDumb",
    "GenerativeReplay",
    "Interpolate",
    "Joint",
    "KLAnchor",
    "LaMAML",
    "LatentReplay",
    "LoRA",
    "LowRankEWC",
    "LwF",
    "Method",
    "Mix",
    "OLoRA",
    "OnlineEWC",
    "PackNet",
    "Phase",
    "RWalk",
    "RanPAC",
    "SeparateNetworks",
    "SupSup",
    "TaskArithmetic",
    "XdG",
    "code_of",
    "iCaRL",
    "named_class",
    "parse_method",
]


# Every exported method by its name. Nothing has to be registered a second time.
METHODS: dict[str, type[Method]] = {
    name: value
    for name, value in sorted(globals().items())
    if isinstance(value, type) and issubclass(value, Method) and value not in (Method, Composite)
}
