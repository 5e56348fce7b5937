# Becomes the real pip: this process is then as if its script had been run, but that a distribution which the cache has is
# neither downloaded nor unpacked nor compiled. pip does the rest itself: it resolves, builds, uninstalls, reports and decides
# on the order; the files are put in place at the moment when pip would unpack its wheel.
#
#     python -c BOOTSTRAP THIS SCRIPT ARG…
#
# run.ts starts it, with `plan.json` beside THIS, and the cache at the other end of descriptor 3: a line of JSON asks, another
# one answers. Where a pip does not look as expected, nothing is replaced, and it is the plain pip. Runs on CPython 3.7 and later.
import importlib
import importlib.machinery
import importlib.util
import inspect
import json
import logging
import os
import pathlib
import sys
import types
import zipfile

CHANNEL = 3
VERBOSE = 15  # what `pip -v` shows (pip/_internal/utils/_log.py)
METADATA_FILES = ("METADATA", "WHEEL", "entry_points.txt")


class Unexpected(Exception):
    pass


class Cache:
    """The cache, which is in the process that started this one, and what it has of the set (plan.ts)."""

    def __init__(self, directory):
        os.set_inheritable(CHANNEL, False)
        with open(os.path.join(directory, "plan.json"), encoding="utf-8") as file:
            plan = json.load(file)
        self.directory = directory
        self.runs_other_python = plan["runsOtherPython"]
        self.entries = [Entry(self, number, fields) for number, fields in enumerate(plan["entries"])]
        self.active = False

    def ask(self, **question):
        try:
            left = json.dumps(question).encode() + b"\n"
            while left:
                left = left[os.write(CHANNEL, left):]
            answer = b""
            while not answer.endswith(b"\n"):
                part = os.read(CHANNEL, 1 << 16)
                if not part:
                    return {}
                answer += part
            return json.loads(answer.decode())
        except OSError:
            return {}  # That process is gone.

    def named(self, name):
        return next((entry for entry in self.entries if entry.name == name), None) if self.active else None

    def behind(self, link):
        """What was made of the archive that a link leads to, known by the hash that the index states for it."""
        if not self.active or link.hash_name != "sha256":
            return None
        return next((entry for entry in self.entries if entry.sha256 == link.hash), None)

    def standing_in(self, path):
        return next((entry for entry in self.entries if entry.wheel == path), None) if path else None


class Entry:
    """A distribution in the cache. To pip, it is a wheel that holds the metadata and nothing else."""

    def __init__(self, cache, number, fields):
        self.cache = cache
        self.number = number
        self.name = fields["name"]
        self.version = fields["version"]
        self.sha256 = fields["sha256"]
        self.url = fields.get("url")
        self.built = fields["built"]
        self.info = fields["info"]
        self.scripts = fields["scripts"]
        self.source = fields["source"]
        self.wheel = None

    def is_ready(self):
        """Whether its files have been staged; the cache is asked once."""
        if self.wheel is None:
            self.wheel = self.write_wheel() if self.cache.ask(stage=self.number).get("staged") else ""
        return self.wheel != ""

    def write_wheel(self):
        files = {}
        for name in METADATA_FILES:
            path = os.path.join(self.info, name)
            if os.path.exists(path):
                with open(path, "rb") as file:
                    files[name] = file.read()
        info = os.path.basename(self.info)
        directory = os.path.join(self.cache.directory, "wheels", str(self.number))
        os.makedirs(directory)
        path = os.path.join(directory, self.filename(info, files["WHEEL"]))
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(info + "/" + name, content)
        if self.built:
            self.write_origin(directory)
        return path

    def write_origin(self, directory):
        """What pip keeps beside the wheels that it has built (pip/_internal/cache.py, ORIGIN_JSON_NAME)."""
        archive = {"hash": "sha256=" + self.sha256, "hashes": {"sha256": self.sha256}}
        with open(os.path.join(directory, "origin.json"), "w", encoding="utf-8") as file:
            json.dump({"url": self.url.split("#")[0], "archive_info": archive}, file)

    def filename(self, info, wheel):
        tags = [line[4:].strip() for line in wheel.decode().splitlines() if line.startswith("Tag:")]
        return "%s-%s.whl" % (info[: -len(".dist-info")], tags[0] if tags else "py3-none-any")

    def place(self, scheme, **how):
        keys = ("purelib", "platlib", "headers", "scripts", "data")
        answer = self.cache.ask(place=self.number, scheme={key: getattr(scheme, key) for key in keys}, **how)
        if not answer.get("placed"):
            raise OSError(answer.get("why") or "the cache is gone")


def expect(function, *parameters):
    """That a function takes these, by name and in this order, and perhaps others after them."""
    found = list(inspect.signature(function).parameters)
    if found[: len(parameters)] != list(parameters):
        raise Unexpected("%s%s" % (function.__qualname__, tuple(found)))


def expect_use(function, *names):
    """That the code of a function uses these names."""
    missing = [name for name in names if name not in function.__code__.co_names]
    if missing:
        raise Unexpected("%s without %s" % (function.__qualname__, missing[0]))


def replace(owner, name, make):
    """Puts what `make` makes of a function in its place."""
    original = getattr(owner, name)
    replacement = make(original)
    replacement.__name__ = original.__name__
    replacement.__qualname__ = original.__qualname__
    setattr(owner, name, replacement)


def replace_candidates(cache):
    """A pinned member of the set that the cache has: the index is not asked for it."""
    finder = importlib.import_module("pip._internal.index.package_finder")
    candidate = importlib.import_module("pip._internal.models.candidate").InstallationCandidate
    new_link = importlib.import_module("pip._internal.models.link").Link
    normal_name = importlib.import_module("pip._vendor.packaging.utils").canonicalize_name
    expect(finder.PackageFinder.find_all_candidates, "self", "project_name")
    expect_use(inspect.unwrap(finder.PackageFinder.find_best_candidate), "find_all_candidates")
    expect(candidate.__init__, "self", "name", "version", "link")

    def make(original):
        def find_all_candidates(self, project_name):
            entry = cache.named(normal_name(project_name))
            if entry is None or not entry.url or not entry.is_ready():
                return original(self, project_name)
            return [candidate(project_name, entry.version, new_link(entry.url))]

        return find_all_candidates

    return lambda: replace(finder.PackageFinder, "find_all_candidates", make)


def replace_built(cache):
    """What was built of an sdist is found where pip looks for the wheels that it has built itself."""
    module = importlib.import_module("pip._internal.cache")
    new_link = importlib.import_module("pip._internal.models.link").Link
    expect(module.WheelCache.get_cache_entry, "self", "link", "package_name", "supported_tags")
    expect(module.CacheEntry.__init__, "self", "link", "persistent")

    def make(original):
        def get_cache_entry(self, link, package_name, supported_tags):
            entry = None if link.is_wheel else cache.behind(link)
            if entry is None or not entry.built:
                return original(self, link, package_name, supported_tags)
            entry.url = link.url
            if not entry.is_ready():
                return original(self, link, package_name, supported_tags)
            return module.CacheEntry(new_link(pathlib.Path(entry.wheel).as_uri()), persistent=True)

        return get_cache_entry

    return lambda: replace(module.WheelCache, "get_cache_entry", make)


class Mark(logging.Filter):
    """Says in pip's own line where something comes from."""

    source = None

    def filter(self, record):
        if self.source and record.msg == "Collecting %s" and len(record.args) == 1:
            record.args = ("%s (%s)" % (record.args[0], self.source),)
        return True


def replace_download(cache):
    """A wheel that the cache has is not downloaded, nor its metadata: what stands in for it is there already."""
    module = importlib.import_module("pip._internal.operations.prepare")
    preparer = module.RequirementPreparer
    expect(module.unpack_url, "link", "location", "download", "verbosity", "download_dir", "hashes")
    expect(module.File, "path", "content_type")
    expect(preparer._fetch_metadata_only, "self", "req")
    expect(preparer._log_preparing_link, "self", "req")
    expect_use(preparer.prepare_linked_requirement, "_log_preparing_link", "_fetch_metadata_only")
    expect_use(preparer._prepare_linked_requirement, "unpack_url", "local_file_path")
    mark = Mark()

    def ready(link):
        entry = cache.behind(link) if link.is_wheel else None
        return entry if entry is not None and not entry.built and entry.is_ready() else None

    def make_unpack(original):
        def unpack_url(link, location, download, verbosity, download_dir=None, hashes=None):
            entry = ready(link) if download_dir is None else None
            if entry is None or (hashes and not hashes.is_hash_allowed("sha256", entry.sha256)):
                return original(link, location, download, verbosity, download_dir, hashes)
            return module.File(entry.wheel, content_type=None)

        return unpack_url

    def make_fetch(original):
        return lambda self, req: None if ready(req.link) else original(self, req)

    def make_log(original):
        def _log_preparing_link(self, req):
            entry = ready(req.link) or (cache.standing_in(req.link.file_path) if req.link.is_file else None)
            mark.source = entry and entry.source
            try:
                original(self, req)
            finally:
                mark.source = None

        return _log_preparing_link

    def put():
        module.logger.addFilter(mark)
        replace(module, "unpack_url", make_unpack)
        replace(preparer, "_fetch_metadata_only", make_fetch)
        replace(preparer, "_log_preparing_link", make_log)

    return put


def replace_unpacking(cache):
    """Where pip would unpack a wheel, the cache puts the staged files in place."""
    module = importlib.import_module("pip._internal.operations.install.wheel")
    requirement = importlib.import_module("pip._internal.req.req_install")
    expect(module.install_wheel, "name", "wheel_path", "scheme", "req_description", "pycompile", "warn_script_location", "direct_url", "requested")
    expect(module.message_about_scripts_not_on_PATH, "scripts")
    expect_use(requirement.InstallRequirement.install, "install_wheel", "local_file_path")

    def make(original):
        def install_wheel(name, wheel_path, scheme, req_description, pycompile=True, warn_script_location=True, direct_url=None, requested=False, *more, **others):
            entry = cache.standing_in(wheel_path)
            if entry is None:
                return original(name, wheel_path, scheme, req_description, pycompile, warn_script_location, direct_url, requested, *more, **others)
            entry.place(scheme, requested=requested, compile=pycompile, direct=direct_url is not None)
            message = warn_script_location and module.message_about_scripts_not_on_PATH([os.path.join(scheme.scripts, script) for script in entry.scripts])
            if message:
                module.logger.warning(message)

        return install_wheel

    def put():
        replace(module, "install_wheel", make)
        # Imported by name before pip 26.
        if hasattr(requirement, "install_wheel"):
            requirement.install_wheel = module.install_wheel

    return put


def replace_run(cache):
    """All of it is for the install that was asked for, and not for what that runs in its turn."""
    module = importlib.import_module("pip._internal.commands.install")
    command = module.InstallCommand
    expect(command.run, "self", "options", "args")

    def make(original):
        def run(self, options, args):
            # Features that have to be asked for may install build requirements in this process.
            cache.active = not options.features_enabled and not options.deprecated_features_enabled
            try:
                return original(self, options, args)
            finally:
                cache.active = False

        return run

    return lambda: replace(command, "run", make)


def take_part(cache):
    """Replaces pip's functions: all of them or, where one is not as expected, none."""
    try:
        parts = [replace_candidates(cache), replace_built(cache), replace_download(cache), replace_unpacking(cache), replace_run(cache)]
    except Exception as problem:
        cache.ask(note="this pip is not as expected: %s" % problem)
        return
    for put in parts:
        put()


def follow_to_other_python(cache, this):
    """`pip --python` runs itself again: what it then runs is this, and the arguments are its own."""
    module = importlib.import_module("pip._internal.cli.main_parser")
    subprocess = module.subprocess

    def follow(function):
        def start(command, **options):
            return function([command[0], "-c", BOOTSTRAP, this] + list(command[1:]), pass_fds=(CHANNEL,), **options)

        return start

    module.subprocess = types.SimpleNamespace(run=follow(subprocess.run), Popen=follow(subprocess.Popen), SubprocessError=subprocess.SubprocessError)


# As in run.ts.
BOOTSTRAP = """
import sys
by_path = sys.path[:1] == ['']
if by_path: del sys.path[0]
with open(sys.argv[1], 'rb') as file: code = file.read()
exec(compile(code, sys.argv[1], 'exec'))
"""


def is_runner(script):
    return os.path.basename(script) == "__pip-runner__.py"


def import_pip(script):
    """As the runner that `--python` uses does it: pip comes from where the runner lies (pip/__pip-runner__.py)."""
    if not is_runner(script):
        return
    spec = importlib.machinery.PathFinder.find_spec("pip", [os.path.dirname(os.path.dirname(script))])
    module = importlib.util.module_from_spec(spec)
    sys.modules["pip"] = module
    spec.loader.exec_module(module)


def main():
    this, script = sys.argv[1:3]
    sys.argv = sys.argv[2:]
    # What `python SCRIPT` has there; neither has anything with `-P` or `-I`.
    if by_path:  # by BOOTSTRAP
        sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
    try:
        cache = Cache(os.path.dirname(this))
        import_pip(script)
        if cache.runs_other_python and not is_runner(script):
            follow_to_other_python(cache, this)
        else:
            take_part(cache)
    except Exception as problem:
        print("pkg-cache: %s; going on without the cache" % problem, file=sys.stderr)
    program = types.ModuleType("__main__")
    program.__file__ = script
    program.__builtins__ = __builtins__
    sys.modules["__main__"] = program
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec")
    exec(code, program.__dict__)


main()
