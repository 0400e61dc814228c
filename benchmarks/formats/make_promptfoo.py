"""Runs promptfoo with its provider `echo`, which answers with the prompt itself.

    python make_promptfoo.py FOLDER

FOLDER gets `champion.json` and `candidate.json`, whose prompts give other answers to the same
tests, `providers.jsonl`, with two providers of which one fails in a test, `repeated.json`, in which
every test is run twice, and `version-2.json`, which an early version of promptfoo wrote.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "0.121.20"
EARLY_VERSION = "0.25.1"  # the form of the file was version 2 then
CAPITALS = [  # country, continent, the champion's answer, the candidate's answer
    ("France", "Europe", "Paris.", "Paris."),
    ("Peru", "America", "Lima.", "Cusco."),
    ("Chad", "Africa", "I do not know.", "N'Djamena."),
    ("Japan", "Asia", "Tokyo!", "Tokyo."),
]
RIGHT = {"France": "Paris", "Peru": "Lima", "Chad": "N'Djamena", "Japan": "Tokyo"}
# A provider of the user's own, which cannot answer one of the questions.
CAREFUL = """
module.exports = class {
  id() { return 'careful' }
  async callApi(prompt, context) {
    if (context.vars.country === 'Peru') return { error: 'the model is offline' };
    return { output: `${prompt} I hope.`, tokenUsage: { total: 12, prompt: 8, completion: 4 },
             cost: 0.0005 };
  }
}
"""
PROVIDER_OF_EARLY_VERSION = """
module.exports = class {
  id() { return 'mirror' }
  async callApi(prompt) {
    if (prompt.includes('Cusco')) return { error: 'the model is offline' };
    return { output: prompt };
  }
}
"""


def tests() -> list[dict[str, object]]:
    """The tests: whether the capital is right, and whether the answer ends politely."""
    return [
        {
            "description": country,
            "vars": {"country": country, "champion": champion, "candidate": candidate},
            "metadata": {"continent": continent},
            "assert": [
                {"type": "contains", "value": RIGHT[country], "metric": "right"},
                {"type": "regex", "value": "[.]$", "metric": "calm"},
            ],
        }
        for country, continent, champion, candidate in CAPITALS
    ]


def installed(version: str) -> Path:
    """Return the program of a version, which npm installs if it is missing."""
    folder = Path(sys.prefix) / f"promptfoo-{version}"
    program = folder / "node_modules" / ".bin" / "promptfoo"
    if not program.exists():
        folder.mkdir(exist_ok=True)
        command = ["npm", "install", f"promptfoo@{version}", "--no-audit", "--no-fund"]
        subprocess.run([*command, "--ignore-scripts"], check=True, cwd=folder)
    return program


def evaluate(out: Path, version: str, prompt: str, providers: list[str], *options: str) -> None:
    """Run promptfoo as its users do."""
    Path("prompt.txt").write_text(prompt)
    config = {"prompts": ["file://prompt.txt"], "providers": providers, "tests": tests()}
    if version == EARLY_VERSION:
        config["prompts"] = ["prompt.txt"]
    Path("config.json").write_text(json.dumps(config))
    environment = {
        **os.environ,
        "PROMPTFOO_CONFIG_DIR": str(Path.cwd() / version),
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "PROMPTFOO_DISABLE_UPDATE": "1",
    }
    # The file says where it was written, so it is written here and copied.
    command = [str(installed(version)), "eval", "--config", "config.json", "--output", out.name]
    command += ["--no-cache", "--no-table", "--no-write", *options]
    # promptfoo ends with an error code if a test fails.
    subprocess.run(command, check=False, env=environment)
    shutil.copyfile(out.name, out)


def main() -> None:
    """Make the files."""
    folder = Path(sys.argv[1])
    Path("careful.js").write_text(CAREFUL)
    Path("mirror.js").write_text(PROVIDER_OF_EARLY_VERSION)
    evaluate(folder / "champion.json", VERSION, "{{champion}}", ["echo"])
    evaluate(folder / "candidate.json", VERSION, "{{candidate}}", ["echo"])
    both = ["echo", "file://careful.js"]
    evaluate(folder / "providers.jsonl", VERSION, "{{champion}}", both)
    evaluate(folder / "repeated.json", VERSION, "{{candidate}}", ["echo"], "--repeat", "2")
    evaluate(folder / "version-2.json", EARLY_VERSION, "{{candidate}}", ["./mirror.js"])


if __name__ == "__main__":
    main()
