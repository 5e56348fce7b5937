# Prints what only a given pip can tell about itself. `sys.argv[1]` is the directory that holds the package `pip`.
# Run as `python -I -c <this> DIR`.
#
# Read from its sources, because importing them takes a second; a pip that is written in another way is asked.
import ast, json, os, sys, textwrap

class Unusual(Exception):
    pass

def parse(*path):
    try:
        with open(os.path.join(sys.argv[1], "pip", *path), "rb") as source:
            return ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        raise Unusual

def assigned(scope, name):
    values = [node.value for node in scope.body if isinstance(node, ast.Assign) and [getattr(target, "id", None) for target in node.targets] == [name]]
    return values[0] if len(values) == 1 else None

def class_of(module, name):
    return next((node for node in module.body if isinstance(node, ast.ClassDef) and node.name == name), None) or give_up()

def text_of(node):
    value = node.value if isinstance(node, ast.Constant) else None
    return value if isinstance(value, str) else give_up()

def give_up():
    raise Unusual

def written_template():
    own = assigned(class_of(parse("_internal", "operations", "install", "wheel.py"), "PipScriptMaker"), "script_template")
    if isinstance(own, ast.Call) and ast.dump(own.func) == ast.dump(ast.parse("textwrap.dedent", mode="eval").body) and len(own.args) == 1 and not own.keywords:
        return textwrap.dedent(text_of(own.args[0]))
    if own is not None:
        return text_of(own)
    distlib = parse("_vendor", "distlib", "scripts.py")
    inherited = assigned(class_of(distlib, "ScriptMaker"), "script_template")
    return text_of(assigned(distlib, "SCRIPT_TEMPLATE")) if getattr(inherited, "id", None) == "SCRIPT_TEMPLATE" else give_up()

def imported_template():
    sys.path.insert(0, sys.argv[1])
    from pip._internal.operations.install.wheel import PipScriptMaker
    return PipScriptMaker.script_template

# The text differs by version, and the function moved from cli/req_command.py to utils/misc.py.
PLACES_OF_WARNING = [("_internal", "utils", "misc.py"), ("_internal", "cli", "req_command.py")]

def root_warning():
    for place in PLACES_OF_WARNING:
        for node in ast.walk(parse(*place)):
            # `s` until Python 3.7.
            for text in [getattr(node, field) for field in node._fields if field in ("value", "s")]:
                if isinstance(text, str) and text.startswith("Running pip as the 'root' user"):
                    return text
    give_up()

def script_template():
    try:
        return written_template()
    except Unusual:
        return imported_template()

print("@PKG-CACHE@" + json.dumps({"scriptTemplate": script_template(), "rootWarning": root_warning()}))
