"""The page with the results of the duel."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from duel.features import ABSENT, FEATURES, PARTLY, READ, YES, judged_once
from duel.test_sets import read_cases
from duel.tools import HOLDFAST, LEFT_OUT, REQUIREMENTS, TOOLS, Tool

NOTES = Path(__file__).parents[1] / "results" / "gate-duel.notes.md"
LEAST = 100  # releases below which a share says too little to be summarised
FEWEST = 20  # releases below which it is not shown
RULE = "plain rule"
AS_THE_RULE = ("MLflow", "Evidently", "deepchecks", "holdline")


@dataclass(frozen=True)
class Cell:
    """The decisions of one tool in one case."""

    at: str
    none: str
    twice: str

    @property
    def letters(self) -> tuple[str, str, str]:
        """The decisions at δ, at 0 and at 2δ."""
        return self.at, self.none, self.twice

    @property
    def releases(self) -> int:
        """The smallest number of releases of which any of its shares is made."""
        return min(len(self.at), len(self.none), len(self.twice))

    @property
    def false_pass(self) -> float:
        """Passes although δ is lost."""
        return _share(self.at, "p")

    @property
    def power(self) -> float:
        """Passes if nothing is lost."""
        return _share(self.none, "p")

    @property
    def shares(self) -> tuple[float, float, float, float, float]:
        """False pass, false fail, inconclusive, power, and passes at 2δ."""
        return (
            self.false_pass,
            _share(self.none, "f"),
            _share(self.none, "i"),
            self.power,
            _share(self.twice, "p"),
        )


def text(work: Path) -> str:
    """Write the whole page from what was kept of all tools."""
    cases = read_cases(work)
    cells = {tool.name: _cells(work, tool) for tool in TOOLS}
    runs = max(cell.releases for cell in cells[HOLDFAST].values())
    lines = ["# The gate next to other tools", "", *_notes(), ""]
    lines += [
        f"`python benchmarks/gate_duel.py --tools FOLDER --write`, {date.today():%B %Y}. "
        "`--install` installs the other tools at the versions that are named below.",
        "",
        *_how(runs),
        *_summary(cells),
        *_settings(),
    ]
    for section in dict.fromkeys(case["section"] for case in cases):
        lines += [f"## {section}", ""]
        for case in cases:
            if case["section"] == section:
                lines += _case(case, cells)
    lines += _features(work)
    lines += ["## Tools that are left out", ""]
    lines += [f"- {name}: {reason}" for name, reason in LEFT_OUT.items()]
    return "\n".join(lines).rstrip() + "\n"


def _cells(work: Path, tool: Tool) -> dict[str, Cell]:
    path = work / f"{tool.adapter}.json"
    if not path.exists():
        return {}
    kept = json.loads(path.read_text(encoding="utf-8"))
    return {name: Cell(**letters) for name, letters in kept.items()}


def _notes() -> list[str]:
    return NOTES.read_text(encoding="utf-8").strip().splitlines()


def _how(runs: int) -> list[str]:
    return [
        "## How it was measured",
        "",
        f"All tools judge the same simulated releases: {runs:,} of each case if nothing is lost, "
        "if the first test set loses exactly δ, and if it loses 2δ. A slow tool judges the first "
        "ones, as many as it can in its time. The column *releases* has the smallest of the three "
        "numbers, and *±* is the simulation error (one standard error) of a share of 5 %. All "
        "shares are in per cent.",
        "",
        "- **false pass**: it passes although a test set loses exactly δ. A test at a level of 5 % "
        "keeps this at 5 or below.",
        "- **false fail**: it fails although nothing is lost.",
        "- **inconclusive**: it says that nothing is shown, although nothing is lost. A tool with "
        "two verdicts has none.",
        "- **power**: it passes if nothing is lost.",
        "- **passes at 2δ**: it passes although a test set loses twice what is allowed.",
        "",
        "Tools whose level can be set are set to 5 % on each side, as the gate is, because power "
        "can only be compared at the same level. Their defaults are two-sided intervals of 95 %, "
        "which are meant to err half as often and pass less. Tools without tasks or segments are "
        "run once for each test set, as a pipeline would do, and the release passes if all runs "
        "pass. Tools without clusters get the examples alone.",
        "",
    ]


def _summary(cells: dict[str, dict[str, Cell]]) -> list[str]:
    head = (
        "tool",
        "cases",
        "false passes, mean",
        "false passes, worst",
        "power",
        "power of Holdfast there",
        "false fails, worst",
        "passes at 2δ, worst",
    )
    lines = [
        "## In short",
        "",
        f"Over the cases of which a tool judged at least {LEAST} releases. Power is the mean over "
        "these cases, next to Holdfast's over the same ones.",
        "",
        *_head(head),
    ]
    for tool in TOOLS:
        kept = {n: c for n, c in cells[tool.name].items() if c.releases >= LEAST}
        common = [name for name in kept if name in cells[HOLDFAST]]
        if not kept:
            continue
        own = np.array([cell.shares for cell in kept.values()])
        ours = [cells[HOLDFAST][name].power for name in common]
        power = np.mean([kept[name].power for name in common])
        values = (own[:, 0].mean(), own[:, 0].max(), power, np.mean(ours), own[:, 1].max())
        row = [tool.name, str(len(kept)), *map(_percent, values), _percent(own[:, 4].max())]
        lines.append(_row(row))
    return [*lines, "", *_agreement(cells), ""]


def _agreement(cells: dict[str, dict[str, Cell]]) -> list[str]:
    """Which tools decide as the plain rule does."""
    rule = cells[RULE]
    found = []
    for name in AS_THE_RULE:
        same = judged = 0
        for case, cell in cells[name].items():
            for letters, expected in zip(cell.letters, rule[case].letters, strict=True):
                pairs = list(zip(letters, expected, strict=False))
                judged += len(pairs)
                same += sum(a == b for a, b in pairs)
        found.append(f"{name} on {same:,} of {judged:,} releases")
    return [f"These decide as the plain rule: {', '.join(found)}."]


def _settings() -> list[str]:
    lines = ["## How the tools were set", "", *_head(("tool", "version", "verdict", "setting"))]
    versions = _versions()
    for tool in TOOLS:
        verdict = "its own" if tool.own_verdict else "a rule on its interval"
        lines.append(_row([tool.name, versions.get(tool.name, "–"), verdict, tool.setting]))
    return [*lines, ""]


def _case(case: dict, cells: dict[str, dict[str, Cell]]) -> list[str]:
    head = (
        "tool",
        "false pass",
        "false fail",
        "inconclusive",
        "power",
        "passes at 2δ",
        "releases",
        "±",
    )
    lines = [f"**{case['title']}**", "", *_head(head)]
    for tool in TOOLS:
        cell = cells[tool.name].get(case["name"])
        if cell is None:
            lines.append(_row([tool.name, *["–"] * 7]))
        elif cell.releases < FEWEST:
            lines.append(_row([tool.name, *["too slow"], *["–"] * 4, str(cell.releases), "–"]))
        else:
            shares = [_percent(share) for share in cell.shares]
            if not tool.three_verdicts:
                shares[2] = "–"
            error = 100 * (0.05 * 0.95 / cell.releases) ** 0.5
            lines.append(_row([tool.name, *shares, f"{cell.releases:,}", f"{error:.1f}"]))
    return [*lines, ""]


def _features(work: Path) -> list[str]:
    lines = [
        "## What they offer",
        "",
        f"Each “{YES}” and “{PARTLY}” is shown by a call in `benchmarks/duel/shown`, and each "
        f"“{ABSENT}” by a search of the installed sources (`benchmarks/duel/features.py`). The "
        "notes below say what “in part” means, and what was read where the search found something.",
        "",
    ]
    found = {tool.name: _found(work, tool) for tool in judged_once()}
    names = {tool.name: tool.name.removesuffix(" gate") for tool in judged_once()}
    lines += _head(["", *names.values()])
    for key, feature in FEATURES.items():
        lines.append(_row([feature.title, *(_feature(found[name], key) for name in names)]))
    lines.append("")
    for name, result in found.items():
        for key, check in result.get("shown", {}).items():
            if check["note"]:
                lines.append(f"- {names[name]}, {FEATURES[key].title}: {check['note']}")
        for key, reason in READ.get(result.get("module", ""), {}).items():
            lines.append(f"- {names[name]}, {FEATURES[key].title}: “{ABSENT}”. {reason}")
    return [*lines, ""]


def _found(work: Path, tool: Tool) -> dict:
    module = (tool.package or "holdfast").replace("-", "_")
    path = work / f"features_{module}.json"
    if not path.exists():
        return {}
    return json.loads(path.read_text(encoding="utf-8")) | {"module": module}


def _feature(found: dict, key: str) -> str:
    check = found.get("shown", {}).get(key)
    if check is not None:
        if check["error"]:
            raise SystemExit(f"{found['module']}: {key} is not shown any more:\n{check['error']}")
        return PARTLY if check["partly"] else YES
    mentions = found["mentioned"][key]
    if mentions and key not in READ.get(found["module"], {}):
        raise SystemExit(f"{found['module']} may have {key}: {mentions}")
    return ABSENT


def _versions() -> dict[str, str]:
    versions = {}
    for tool in TOOLS:
        requirements = REQUIREMENTS / f"{tool.package}.txt"
        if tool.package:
            first = requirements.read_text(encoding="utf-8").split()[0]
            versions[tool.name] = first.partition("==")[2]
    return versions


def _head(names: "tuple[str, ...] | list[str]") -> list[str]:
    return [_row(names), "|---" * len(names) + "|"]


def _row(cells: "tuple[str, ...] | list[str]") -> str:
    return "| " + " | ".join(cells) + " |"


def _share(letters: str, letter: str) -> float:
    return letters.count(letter) / len(letters) if letters else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
