"""Which tests notice that a rule of the redeem protocol is broken? `make mutants` runs this; list.txt has the rules.

Each mutation is tried by the tests of units, sessions and outages first, and by a part of the model check if those pass.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]


class Mutation:
    def __init__(self, rule):
        self.rule, self.file, self.old, self.new, self.same = rule, "", [], [], ""


def mutations():
    found = []
    for line in (HERE / "list.txt").read_text().splitlines():
        kind, text = line[:1], line[2:]
        if kind == "=":
            found.append(Mutation(text))
        elif kind == "@":
            found[-1].file = text
        elif kind == "-":
            found[-1].old.append(text)
        elif kind == "+":
            found[-1].new.append(text)
        elif kind == "~":
            found[-1].same = text
    return found


def workspace(folder):
    """A workspace with nothing but the crate in it, so that no other crate is resolved or built."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kept, keeps = [], False
    for line in (ROOT / "Cargo.toml").read_text().splitlines():
        if line.startswith("["):
            keeps = line.startswith(("[workspace", "[profile.dev"))
        if keeps and not line.startswith("exclude"):
            kept.append('members = ["crates/redeem"]' if line.startswith("members") else line)
    (folder / "Cargo.toml").write_text("\n".join(kept))
    shutil.copy(ROOT / "Cargo.lock", folder)
    for name in ("crates/redeem", "docs"):
        shutil.copytree(ROOT / name, folder / name)
    # Cargo goes by their time: what the last run built with a mutation must be built again.
    for source in folder.rglob("*.rs"):
        source.touch()


def passes(folder, target, arguments, limit):
    """Whether the tests pass; None if they don't compile."""
    command = ["cargo", "test", "--offline", "--quiet", "-p", "redeem"]
    environment = dict(os.environ, CARGO_TARGET_DIR=str(target), RUSTFLAGS="-A warnings")

    def ran(more):
        try:
            done = subprocess.run(
                command + more, cwd=folder, env=environment, timeout=limit, capture_output=True, text=True
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    programs = [argument for argument in arguments if argument != "smoke"]
    if not ran(programs + ["--no-run"]):
        return None
    return ran(arguments)


STAGES = [
    ("units and sessions", ["--lib", "--test", "session", "--test", "outage"], "0"),
    ("model", ["--test", "model", "smoke"], "3"),
]


def killer(folder, base):
    """What notices: the name of a stage, "" if nothing does, None if it does not compile."""
    for name, arguments, level in STAGES:
        config = ["--config", f"profile.dev.package.redeem.opt-level={level}"]
        passed = passes(folder, base / f"target-{level}", config + arguments, 900)
        if passed is None:
            return None
        if not passed:
            return name
    return ""


def tried(mutation, folder, base):
    path = folder / "crates/redeem/src" / mutation.file
    text = path.read_text()
    old, new = "\n".join(mutation.old), "\n".join(mutation.new)
    # A line's end is part of it, so that a rule may end in the middle of one.
    if text.count(old) != 1:
        sys.exit(f"{mutation.file} has this {text.count(old)} times, for the rule \"{mutation.rule}\":\n{old}")
    path.write_text(text.replace(old, new))
    try:
        return killer(folder, base)
    finally:
        path.write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", nargs="?", default="", help="only the rules with this text in them")
    wanted = parser.parse_args().text.lower()
    base = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "mutants"
    folder = base / "workspace"
    workspace(folder)
    chosen = [one for one in mutations() if wanted in one.rule.lower()]
    if killer(folder, base) != "":
        sys.exit("the tests do not pass without a mutation")
    counts, wrong = {}, []
    for number, mutation in enumerate(chosen, 1):
        began = time.monotonic()
        found = tried(mutation, folder, base)
        said = {None: "DOES NOT COMPILE", "": "equivalent" if mutation.same else "NOT NOTICED"}.get(found, found)
        counts[said] = counts.get(said, 0) + 1
        if found is None or (found == "") != bool(mutation.same):
            wrong.append(mutation.rule)
        took = time.monotonic() - began
        print(f"{number:>3} of {len(chosen)}  {took:>4.0f} s  {said:<20} {mutation.rule}", flush=True)
    print(", ".join(f"{count} {said}" for said, count in sorted(counts.items())))
    if wrong:
        sys.exit("not as list.txt has it: " + "; ".join(wrong))


main()
