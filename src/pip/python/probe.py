# Prints, as one JSON line behind a marker, what an interpreter alone can tell about itself.
# Run as `python -I -c <this> [pip]`; works on CPython 3.7 and later. With `pip`, its own pip is asked as well, which takes
# most of the time. `@BASE@`, `@USERBASE@` and `@DIST@` stand for what the asker fills in.
import importlib.util, json, os, platform, struct, sys

# Variables that decide where things go: those that sysconfig, or a distributor's patch of it or of pip, is seen to read here, and
# those that may have been read before. Name to value, None where it is not set. The asker fills in what the last two decide.
environment = {}
FILLED_IN = ("HOME", "PYTHONUSERBASE")

def watching(work):
    cls = type(os.environ)
    original = cls.__getitem__
    def read(self, name):
        if isinstance(name, str) and name not in FILLED_IN:
            environment[name] = self._data.get(self.encodekey(name)) and original(self, name)
        return original(self, name)
    cls.__getitem__ = read
    try:
        return work()
    finally:
        cls.__getitem__ = original

def read_early():
    for name in ("_PYTHON_PROJECT_BASE", "_PYTHON_HOST_PLATFORM", "_PYTHON_SYSCONFIGDATA_NAME", "_PYTHON_SYSCONFIGDATA_PATH",
                 "_CONDA_PYTHON_SYSCONFIGDATA_NAME", "DEB_PYTHON_INSTALL_LAYOUT", "RPM_BUILD_ROOT", "MACOSX_DEPLOYMENT_TARGET"):
        os.environ.get(name)
    import sysconfig
    return sysconfig

sysconfig = watching(read_early)

def scheme_names():
    return sysconfig.get_scheme_names()

def paths(scheme, **variables):
    found = watching(lambda: sysconfig.get_paths(scheme, vars=dict(variables)))
    return {key: found[key] for key in ("purelib", "platlib", "include", "scripts", "data")}

def based(scheme, base):
    keys = ("installed_base", "base", "installed_platbase", "platbase", "prefix", "exec_prefix", "userbase")
    return paths(scheme, **{key: base for key in keys})

def pip_schemes():
    # What this interpreter's own pip would use outside of virtual environments: distributions patch it.
    try:
        from pip._internal.locations import get_scheme
        def ask(**options):
            scheme = watching(lambda: get_scheme("@DIST@", **options))
            return {key: getattr(scheme, key) for key in ("purelib", "platlib", "headers", "scripts", "data")}
        return {"base": ask(), "prefix": ask(prefix="/@BASE@")}
    except Exception:
        return None

def site_paths():
    # What everybody sees (`-I` keeps the user's site out), less what a `.pth` file names: that is read anew for each install. A site
    # directory that is not there yet may be tomorrow.
    import site
    paths = [path for path in sys.path if path and os.path.isdir(path)]
    known = site.getsitepackages() if hasattr(site, "getsitepackages") else []
    every = paths + [path for path in known if path not in paths]
    named = {target for path in every for target in named_by_pth(path)}
    return [path for path in every if path in known or path not in named]

def named_by_pth(directory):
    # site.py, addpackage
    try:
        names = [name for name in os.listdir(directory) if name.endswith(".pth")]
        lines = [line.rstrip() for name in names for line in open(os.path.join(directory, name), encoding="utf-8", errors="replace")]
    except (OSError, ValueError):
        return []
    return [os.path.abspath(os.path.join(directory, line)) for line in lines if line and not line.startswith(("#", "import ", "import\t"))]

def full_version():
    info = sys.implementation.version
    version = "{0.major}.{0.minor}.{0.micro}".format(info)
    return version if info.releaselevel == "final" else version + info.releaselevel[0] + str(info.serial)

def libc():
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION")
        if name:
            return name.replace(" ", "-")
    except (AttributeError, OSError, ValueError):
        pass
    return "musl" if "musl" in (sysconfig.get_config_var("HOST_GNU_TYPE") or "") else ""

def user_scheme():
    name = "posix_user"
    return based(name, "/@USERBASE@") if name in scheme_names() else None

venv = "venv" if "venv" in scheme_names() else "posix_prefix"
home = "posix_home"

facts = {
    "executable": sys.executable,
    "prefix": sys.prefix,
    "basePrefix": sys.base_prefix,
    "version": list(sys.version_info[:3]),
    "implementation": sys.implementation.name,
    "cacheTag": sys.implementation.cache_tag,
    "magic": struct.unpack("<H", importlib.util.MAGIC_NUMBER[:2])[0],
    "soabi": sysconfig.get_config_var("SOABI") or "",
    "abiflags": getattr(sys, "abiflags", ""),
    "pointerBits": struct.calcsize("P") * 8,
    "platform": watching(sysconfig.get_platform),
    "macVersion": platform.mac_ver()[0],
    "libc": libc(),
    "stdlib": sysconfig.get_path("stdlib"),
    "sitePaths": site_paths(),
    "pipSchemes": pip_schemes() if "pip" in sys.argv else None,
    "venvScheme": based(venv, "/@BASE@"),
    "homeScheme": based(home, "/@BASE@"),
    "userScheme": user_scheme(),
    "markers": {
        "implementation_name": sys.implementation.name,
        "implementation_version": full_version(),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    },
}

print("@PKG-CACHE@" + json.dumps(dict(facts, environment=environment)))
