# Prints what only a given pip can tell about itself. `sys.argv[1]` is the directory that holds the package `pip`.
# Run as `python -I -c <this> DIR`.
import json, sys
sys.path.insert(0, sys.argv[1])

from pip._internal.operations.install.wheel import PipScriptMaker

def root_warning():
    # The text differs by version, and the function moved from cli/req_command.py to utils/misc.py.
    try:
        from pip._internal.utils.misc import warn_if_run_as_root
    except ImportError:
        from pip._internal.cli.req_command import warn_if_run_as_root
    texts = [const for const in warn_if_run_as_root.__code__.co_consts if isinstance(const, str)]
    return next(text for text in texts if text.startswith("Running pip as the 'root' user"))

print("@PKG-CACHE@" + json.dumps({"scriptTemplate": PipScriptMaker.script_template, "rootWarning": root_warning()}))
