# What an observed pip runs before anything else: the shim has put this directory in front of PYTHONPATH, and the path for pip's report into
# PKG_CACHE_OBSERVE. Works on CPython 3.7 and later.
#
# It takes both out of the environment again, so that no child process sees them, and then
#   - has `pip install` write its report there (which PIP_REPORT would do as well, for each pip that a build starts, too);
#   - notes size and change time of every file that this very pip installs, at once, and compares them when pip has ended;
#   - writes both into `<report>.outcome` if, and only if, pip ends with 0.
# pip knows nothing of it. Whatever fails here is swallowed: then there is no outcome, and nothing is cached.
import atexit, os, sys

def _restore():
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    _, colon, others = os.environ.get("PYTHONPATH", "").partition(os.pathsep)
    if colon:
        os.environ["PYTHONPATH"] = others
    else:
        os.environ.pop("PYTHONPATH", None)
    return here, os.environ.pop("PKG_CACHE_OBSERVE", None)

def _customize_site():
    # The module of this name that would have been found without us. site.py reports what it raises.
    import importlib
    own = sys.modules.pop("sitecustomize", None)
    try:
        importlib.import_module("sitecustomize")
    except ImportError as error:
        if own is not None:
            sys.modules["sitecustomize"] = own # what is being imported has to be there in the end
        if error.name != "sitecustomize":
            raise

class _Finder:
    """Has functions of pip's modules replaced as soon as these are imported."""

    def __init__(self, patches):
        self.patches = patches

    def find_spec(self, name, path=None, target=None):
        patch = self.patches.pop(name, None)
        if patch is None:
            return None
        for finder in [finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec")]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                break
        else:
            return None
        execute = spec.loader.exec_module
        def exec_module(module):
            execute(module)
            _quietly(patch, module)
        spec.loader.exec_module = exec_module
        return spec

def _quietly(function, *args):
    try:
        return function(*args)
    except Exception:
        return None

def _plain(name):
    return name.replace("-", "").replace("_", "").replace(".", "").lower()

def _state(path):
    try:
        stat = os.lstat(path)
    except OSError:
        return None
    return (stat.st_ctime_ns, stat.st_size, stat.st_mtime_ns, stat.st_mode, stat.st_dev, stat.st_ino)

class _Observer:
    def __init__(self, here, report):
        self.here = here
        self.report = report
        self.succeeded = False
        self.options = None
        self.exposed = True
        self.built = {}
        self.wheels = []

    def patches(self):
        return {
            "pip._internal.cli.main_parser": self.patch_parser,
            "pip._internal.commands.install": self.patch_command,
            "pip._internal.operations.install.wheel": self.patch_wheel,
        }

    def patch_parser(self, module):
        # With `--python`, pip asks for the path to itself just before it runs itself again.
        original = module.get_runnable_pip
        def get_runnable_pip():
            others = os.environ.get("PYTHONPATH")
            os.environ["PYTHONPATH"] = self.here if not others else self.here + os.pathsep + others
            os.environ["PKG_CACHE_OBSERVE"] = self.report
            return original()
        module.get_runnable_pip = get_runnable_pip

    def patch_command(self, module):
        # Whatever is needed later is imported now: the packages that pip installs may bring modules of the same names.
        import csv, json
        self.csv, self.json = csv, json
        command = module.InstallCommand
        parse_args, main, build = command.parse_args, command.main, module.build
        def observed_parse_args(this, args):
            parsed = parse_args(this, args)
            _quietly(self.begin, parsed[0])
            return parsed
        def observed_main(this, args):
            status = main(this, args)
            self.succeeded = status == 0
            return status
        def observed_build(requirements, *args, **kwargs):
            requirements = list(requirements)
            _quietly(self.note_builds, requirements)
            return build(requirements, *args, **kwargs)
        command.parse_args, command.main, module.build = observed_parse_args, observed_main, observed_build
        atexit.register(_quietly, self.finish)

    def begin(self, options):
        if not options.json_report_file:
            options.json_report_file = self.report
        self.options = options
        self.exposed = bool(os.environ.get("PYTHONPATH")) or any(_is_importable(name) for name in _site_entries())

    def note_builds(self, requirements):
        for requirement in requirements:
            isolated = type(requirement.build_env).__name__ != "NoOpBuildEnvironment"
            constrained = bool(os.environ.get("PIP_CONSTRAINT")) # of pips that install what builds need, too
            how = "constrained" if isolated and constrained else "isolated" if isolated else "exposed" if self.exposed else "bare"
            self.built[requirement.name] = how

    def patch_wheel(self, module):
        original = module.install_wheel
        def install_wheel(name, wheel_path, scheme, *args, **kwargs):
            before = _quietly(_records, name, scheme)
            result = original(name, wheel_path, scheme, *args, **kwargs)
            _quietly(self.note_wheel, name, scheme, before)
            return result
        install_wheel.__wrapped__ = original # whoever asks for its parameters is told those of the original
        module.install_wheel = install_wheel

    def note_wheel(self, name, scheme, before):
        [record] = [path for path, state in _records(name, scheme).items() if before.get(path) != state]
        info = os.path.dirname(record)
        lib = os.path.dirname(info)
        with open(record, encoding="utf-8", newline="") as rows:
            paths = [row[0] for row in self.csv.reader(rows) if row]
        files = {path: _state(os.path.join(lib, path)) for path in paths}
        self.wheels.append((os.path.basename(info), lib, (scheme.purelib, scheme.platlib, scheme.data), files))

    def finish(self):
        if not self.succeeded:
            return
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush() # Python will end with 120 if that fails
        installed = [{"info": info, "files": dict(self.unchanged(*wheel))} for info, *wheel in self.wheels]
        outcome = {"version": 1, "installed": installed, "built": self.built}
        draft = self.report + ".draft"
        with open(draft, "w", encoding="utf-8") as file:
            self.json.dump(outcome, file)
        os.rename(draft, self.report + ".outcome")

    def unchanged(self, lib, schemes, files):
        """The files that are still as they were right after their wheel was installed, and which those were that another wheel has replaced."""
        target = self.options.target_dir # absolute by now
        for row, first in files.items():
            path = os.path.join(lib, row)
            last = _state(_in_target(path, schemes, target) if target else path)
            if first is not None and last is not None and (_was_moved(first, last) if target else first == last):
                yield row, [str(last[0]), last[1]]
            elif first is not None and not target:
                yield row, [str(first[part]) for part in (5, 1, 2, 3)]

def _in_target(path, schemes, target):
    # `--target`: installed elsewhere, and moved (pip/_internal/commands/install.py, _handle_target_dir).
    path = os.path.normpath(path)
    for base in schemes:
        if path.startswith(base + os.sep):
            return os.path.join(target, path[len(base) + 1:])
    return path

def _was_moved(first, last):
    # A rename keeps the inode; from one file system to another, pip copies with the times.
    if first[4] == last[4]:
        return first[1:] == last[1:]
    return first[1] == last[1] and first[2] // 1000 == last[2] // 1000 and first[3] == last[3] and first[0] <= last[0]

def _records(name, scheme):
    found = {}
    for lib in {scheme.purelib, scheme.platlib}:
        try:
            entries = os.listdir(lib)
        except OSError:
            continue
        for entry in entries:
            if entry.endswith(".dist-info") and _plain(entry.partition("-")[0]) == _plain(name):
                record = os.path.join(lib, entry, "RECORD")
                found[record] = _state(record)
    return found

def _site_entries():
    """What lies in the directories of sys.path, other than the standard library's and the one of the script."""
    library = os.path.dirname(os.__file__)
    for path in sys.path[1:]:
        if path == library or path.startswith(os.path.join(library, "lib-dynload")) or path.endswith(".zip"):
            continue
        if os.path.isdir(path):
            yield from os.listdir(path)

# What `python -m venv` makes, and what builds without isolation need at the least.
_BARE = ("_distutils_hack", "_virtualenv.pth", "_virtualenv.py", "distutils-precedence.pth", "easy_install.py", "pip", "pkg_resources", "README.txt", "setuptools", "wheel", "__pycache__")

def _is_importable(entry):
    project, hyphen, _ = entry.partition("-")
    return entry not in _BARE and not (hyphen and project in _BARE and entry.endswith((".dist-info", ".egg-info")))

def _begin():
    here, report = _restore()
    if report:
        sys.meta_path.insert(0, _Finder(_Observer(here, report).patches()))

_quietly(_begin)
_customize_site()
