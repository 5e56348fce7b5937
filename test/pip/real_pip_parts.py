"""Answers from the pip of this interpreter: {"kind", "questions"} in, a list of answers out, as JSON."""
import csv, io, json, os, sys, tempfile


def order(graph):
    from pip._internal.resolution.resolvelib.resolver import get_topological_weights
    from pip._vendor.resolvelib.structs import DirectedGraph

    directed = DirectedGraph()
    names = [None if name == "" else name for name in graph]
    for name in names:
        directed.add(name)
    for name in graph:
        for child in graph[name]:
            directed.connect(name or None, child)
    wanted = set(name for name in names if name is not None)
    try:
        weights = get_topological_weights(directed, wanted)
    except TypeError:  # pips before 21.3
        weights = get_topological_weights(directed, len(names))
    return sorted(wanted, key=lambda name: (weights[name], name), reverse=True)


def record(rows):
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows(sorted(map(tuple, rows)))
    return buffer.getvalue()


def scripts(question):
    from pip._internal.operations.install.wheel import PipScriptMaker, get_console_script_specs

    executable, sys.executable = sys.executable, question["executable"]
    try:
        with tempfile.TemporaryDirectory() as directory:
            maker = PipScriptMaker(None, directory)
            maker.clobber = True
            maker.variants = {""}
            maker.set_mode = True
            specs = get_console_script_specs(dict(question["points"]))
            maker.make_multiple(specs)
            made = {name: open(os.path.join(directory, name), newline="").read() for name in sorted(os.listdir(directory))}
            return {"template": maker.script_template, "version": list(sys.version_info[:2]), "made": made}
    finally:
        sys.executable = executable


asked = json.load(sys.stdin)
answers = [{"order": order, "record": record, "scripts": scripts}[asked["kind"]](question) for question in asked["questions"]]
json.dump(answers, sys.stdout)
