"""Which tests notice that a rule of the redeem protocol is broken? `make mutants` runs this; list.txt has the rules.

Each mutation is tried by the tests of units, sessions and outages first, by a part of the model check if those pass, and by
all of it last.
"""

import argparse
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

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
    for name in ("crates", "docs"):
        shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
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
    for source in (folder / "crates").rglob("*.rs"):
        source.touch()


def passes(folder, target, arguments, limit):
    """Whether the tests pass; None if they don't compile."""
    command = ["cargo", "test", "--offline", "--quiet", "--jobs", "1", "-p", "redeem"]
    environment = dict(os.environ, CARGO_TARGET_DIR=str(target), RUSTFLAGS="-A warnings")

    def ran(more):
        done = subprocess.run(command + more, cwd=folder, env=environment, timeout=limit, capture_output=True, text=True)
        return done.returncode == 0

    programs = [argument for argument in arguments if argument != "smoke"]
    if not ran(programs + ["--no-run"]):
        return None
    return ran(arguments)


# Each with the level that it is optimised with, and the seconds that it may take: what takes longer does not end.
STAGES = [
    ("units and sessions", ["--lib", "--test", "session", "--test", "outage"], "0", 600),
    ("model", ["--test", "model", "smoke"], "3", 900),
    ("whole model", ["--test", "model"], "3", 3600),
]


def killer(folder, stages=STAGES):
    """What notices: the name of a stage, "" if nothing does, None if it does not compile."""
    for name, arguments, level, limit in stages:
        config = ["--config", f"profile.dev.package.redeem.opt-level={level}"]
        try:
            passed = passes(folder, folder / f"target-{level}", config + arguments, limit)
        except subprocess.TimeoutExpired:
            return f"{name}: no end"
        if passed is None:
            return None
        if not passed:
            return name
    return ""


def tried(mutation, folders):
    """What notices the mutation, tried in a workspace that no other is tried in meanwhile; and the seconds that took."""
    folder = folders.get()
    began = time.monotonic()
    path = folder / "crates/redeem/src" / mutation.file
    text = path.read_text()
    path.write_text(text.replace("\n".join(mutation.old), "\n".join(mutation.new)))
    try:
        return killer(folder), time.monotonic() - began
    finally:
        path.write_text(text)
        folders.put(folder)


def check(chosen):
    """Whether each rule stands in its file once. A line's end is part of it, so that a rule may end in the middle of one."""
    for mutation in chosen:
        text, old = (ROOT / "crates/redeem/src" / mutation.file).read_text(), "\n".join(mutation.old)
        if text.count(old) != 1:
            sys.exit(f"{mutation.file} has this {text.count(old)} times, for the rule \"{mutation.rule}\":\n{old}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", nargs="?", default="", help="only the rules with this text in them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutations that are tried at the same time")
    options = parser.parse_args()
    base = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "mutants"
    chosen = [one for one in mutations() if options.text.lower() in one.rule.lower()]
    if not chosen:
        sys.exit(f"no rule has \"{options.text}\" in it")
    check(chosen)
    folders = queue.Queue()
    for number in range(max(1, min(options.jobs, len(chosen)))):
        workspace(base / f"workspace-{number}")
        folders.put(base / f"workspace-{number}")
    counts, wrong = {}, []
    with ThreadPoolExecutor(folders.qsize()) as pool:
        if any(found != "" for found in pool.map(lambda folder: killer(folder, STAGES[:2]), list(folders.queue))):
            sys.exit("the tests do not pass without a mutation")
        results = pool.map(lambda mutation: tried(mutation, folders), chosen)
        for number, (mutation, (found, took)) in enumerate(zip(chosen, results), 1):
            said = {None: "DOES NOT COMPILE", "": "equivalent" if mutation.same else "NOT NOTICED"}.get(found, found)
            counts[said] = counts.get(said, 0) + 1
            if found is None or (found == "") != bool(mutation.same):
                wrong.append(mutation.rule)
            print(f"{number:>3} of {len(chosen)}  {took:>4.0f} s  {said:<26} {mutation.rule}", flush=True)
    print(", ".join(f"{count} {said}" for said, count in sorted(counts.items())))
    if wrong:
        sys.exit("not as list.txt has it: " + "; ".join(wrong))


main()
