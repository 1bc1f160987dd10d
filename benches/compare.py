"""pipefit and scikit-learn side by side in one run: the same numbers first, then time and peak memory.

    cargo build --release
    python -m venv target/bench && target/bench/bin/pip install scikit-learn==1.9.1 pandas pyarrow cvmatrix
    target/bench/bin/python benches/compare.py [WORKLOAD...] [--markdown docs/performance.md] [--save FILE]

Without names all workloads of workloads.py, `folds`, `threads` and `scaling`, whose pictures go beside the Markdown. `--scale 0.02`
makes small tables, to see in minutes that everything still agrees; its times mean nothing. A full run takes scikit-learn the
better part of an hour: `--skip-slow --baseline FILE` takes what another contender than pipefit needed more than 10 seconds for from a
FILE that `--save` wrote, and says so in the table.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import scaling
import tables
from contenders import label
from workloads import WORKLOADS

TOP = Path(__file__).resolve().parent.parent
SLOW_S = 10
# Whoever takes longer runs once: noise is a small part of that.
ONCE_S = 30
# What lies between them in a page is replaced.
MARKS = ("<!-- compare.py: from here -->", "<!-- compare.py: to here -->")
OTHERS = ["folds", "threads", "scaling"]


class Machine:
    """Runs pipefit and contenders as processes of their own, in a temporary folder."""

    def __init__(self, pipefit, folder, scale):
        self.pipefit, self.folder, self.scale = pipefit.resolve(), Path(folder), scale

    def run(self, command):
        """Runs a command; gives its output, wall seconds and peak MiB."""
        measured = self.folder / "measured.json"
        start = [sys.executable, "-S", "-E", Path(__file__).parent / "measured.py", measured]
        done = subprocess.run([*start, *command], cwd=self.folder, capture_output=True)
        if done.returncode:
            sys.exit(f"{command} ended with {done.returncode}:\n{done.stderr.decode()[-3000:]}")
        usage = json.loads(measured.read_text())
        return done.stdout, usage["wall_s"], usage["peak_mib"]

    def ours(self, name, *options):
        """A run of pipefit: the whole process, and what is neither reading nor publishing as the job."""
        text, wall, peak = self.run([self.pipefit, "run", f"{name}.yaml", "--json", *options])
        answer = json.loads(text)
        times = answer["timing_s"]
        job = times["total"] - times["read"] - times["publish"]
        run = {"job_s": job, "whole_s": wall, "peak_mib": peak, "times": times, "path": answer["plan"]["path"]}
        return answer, run

    def theirs(self, name, file, jobs=1):
        """A contender's run: reading and the job, with everything imported before."""
        command = [sys.executable, Path(__file__).parent / "contenders.py", name, file, str(jobs)]
        answer = json.loads(self.run(command)[0])
        answer["whole_s"] = answer["read_s"] + answer["job_s"]
        return answer.pop("scores"), answer


def scores_of(answer, name):
    """What of pipefit's answer is compared, in the order of contenders.py."""
    if answer["search"]:
        return [candidate["folds"] for candidate in answer["search"]["results"]]
    model = answer["model"]
    if name == "lasso-cv":
        return [model["alpha"], *model["mse_path"], *model["coef"]]
    return answer["cv"]["scores"]["r2"]["folds"]


def difference(found, expected):
    """The greatest difference, as a multiple of what 1e-9 of the number and 1e-11 of 1 allow together."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    if found.shape != expected.shape:
        return float("inf")
    allowed = 1e-9 * np.maximum(abs(found), abs(expected)) + 1e-11
    return float((abs(found - expected) / allowed).max())


def agree(machine, workload, ours, theirs, file):
    """Ends the comparison where the numbers differ; gives what has to be said of those that may."""
    notes = []
    if workload.exact:
        name = f"{workload.name}-exact" if workload.exact_pipeline else workload.name
        found = scores_of(machine.ours(name)[0], workload.name)
        expected = machine.theirs(workload.exact, file)[0]
        pairs = {workload.exact: difference(found, expected)}
    else:
        found, pairs = scores_of(ours, workload.name), {}
        for name, scores in theirs.items():
            if name in workload.differs:
                # A search that keeps only its best mean is compared by that.
                own = found if len(scores) > 1 else [max(np.mean(found, axis=1))]
                off = float(abs(np.subtract(own, scores)).max())
                notes.append(f"{label(name)} {workload.differs[name]}: its scores are off by {off:.0e}")
            else:
                pairs[name] = difference(found, scores)
    for name, off in pairs.items():
        if not off <= 1:
            sys.exit(f"{workload.name}: {workload.compared}: pipefit and {name} differ by {off:.1f} times 1e-9")
    notes.insert(0, f"agrees to 1e-9: {workload.compared}; at most {max(pairs.values()) * 1e-9:.0e} apart")
    return notes


def compare(machine, workload, options, known):
    """All contenders in turn, as often as asked; the times, and what is to be said of them."""
    file, data_bytes = workload.write(machine.folder, machine.scale)
    runs, theirs, reused, ours = {"pipefit": []}, {}, [], None
    for _ in range(options.repeat):
        ours, run = machine.ours(workload.name)
        runs["pipefit"].append(run)
        for name, jobs in workload.contenders():
            key = f"{name}/{jobs}"
            old = known.get(key)
            if any(run["whole_s"] > ONCE_S for run in runs.get(key, [])):
                continue
            if options.skip_slow and old and min(run["whole_s"] for run in old["runs"]) > SLOW_S:
                runs[key], theirs[name] = old["runs"], old["scores"]
                reused.append(key)
                continue
            theirs[name], run = machine.theirs(name, file, jobs)
            runs.setdefault(key, []).append(run)
    record = {key: {"runs": of_key, "scores": theirs.get(key.split("/")[0])} for key, of_key in runs.items()}
    result = {
        "data_bytes": data_bytes,
        "contenders": record,
        "reused": sorted(set(reused)),
        "notes": agree(machine, workload, ours, theirs, file),
    }
    if workload.name.startswith("ols"):
        result["limits"] = machine.theirs("limits", file)[0]
    return result


def alternate(machine, workload, variants, times):
    """Seconds of the job for each variant of pipefit's command line, run in turn."""
    workload.write(machine.folder, machine.scale)
    seconds = [[] for _ in variants]
    for _ in range(times):
        for into, variant in zip(seconds, variants):
            into.append(machine.ours(workload.name, *variant)[1]["job_s"])
    return seconds


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [workload.name for workload in WORKLOADS] + OTHERS
    parser.add_argument("workload", nargs="*", help=", ".join(names))
    parser.add_argument("--pipefit", type=Path, default=TOP / "target/release/pipefit")
    parser.add_argument("--scale", type=float, default=1.0, help="a share of the rows")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, in turn")
    parser.add_argument("--markdown", type=Path, help="write the tables there, too: between the marks of docs/performance.md")
    parser.add_argument("--save", type=Path, help="write all times and scores there, as JSON")
    parser.add_argument("--baseline", type=Path, help="what --save wrote")
    parser.add_argument("--skip-slow", action="store_true", help="take slow contenders' times from the baseline")
    parser.add_argument("--folder", type=Path, help="keep the tables there, for the next run")
    options = parser.parse_args()
    if unknown := set(options.workload) - set(names):
        parser.error(f"no workload {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if options.skip_slow and not options.baseline:
        parser.error("--skip-slow takes times from --baseline FILE")
    if not options.pipefit.exists():
        parser.error(f"no {options.pipefit}: build it with `cargo build --release`, or name it with --pipefit")
    return options


def everything(machine, options, known, results):
    wanted = options.workload or [workload.name for workload in WORKLOADS] + OTHERS
    for workload in WORKLOADS:
        if workload.name in wanted:
            results["workloads"][workload.name] = compare(machine, workload, options, known.get(workload.name, {}))
            print(tables.detail(workload, results["workloads"][workload.name]), flush=True)
    ols = WORKLOADS[0]
    if "folds" in wanted:
        results["folds"] = alternate(machine, ols, [("-S", "cv=3"), ("-S", "cv=10")], options.repeat)
    if "threads" in wanted:
        results["threads"] = alternate(machine, ols, [("--threads", "1"), ("--threads", "2")], 5)
    if "scaling" in wanted:
        results["scaling"] = scaling.measure(machine, options.repeat)
        if options.markdown:
            scaling.draw(results["scaling"], options.markdown.parent)


def main():
    options = arguments()
    baseline = json.loads(options.baseline.read_text()) if options.baseline else None
    if baseline and baseline["scale"] != options.scale:
        sys.exit(f"{options.baseline} is of scale {baseline['scale']}")
    known = {name: of["contenders"] for name, of in baseline["workloads"].items()} if baseline else {}
    results = {"scale": options.scale, "machine": tables.machine(options.pipefit), "workloads": {}}
    with tempfile.TemporaryDirectory() as folder:
        folder = options.folder or Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        everything(Machine(options.pipefit, folder, options.scale), options, known, results)
    if options.save:
        options.save.write_text(json.dumps(results))
    print(tables.page(results, baseline, details=False))
    if options.markdown:
        put(options.markdown, tables.page(results, baseline))


def put(path, text):
    """Writes the text: between the page's marks, where it is a page that has them."""
    page = path.read_text() if path.exists() else ""
    if MARKS[0] in page:
        before, rest = page.split(MARKS[0])
        text = f"{before}{MARKS[0]}\n\n{text}\n{MARKS[1]}{rest.split(MARKS[1])[1]}"
    path.write_text(text)


if __name__ == "__main__":
    main()
