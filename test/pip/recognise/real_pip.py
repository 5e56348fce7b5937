"""Answers with what the pip and packaging of this interpreter make of the questions on stdin (JSON), as JSON on stdout."""
import contextlib, io, json, logging, os, sys

from pip._internal.cli.main_parser import create_main_parser, parse_command
from pip._internal.commands import create_command
from pip._internal.utils.temp_dir import global_tempdir_manager, tempdir_registry
from pip._vendor.packaging.markers import Marker
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.specifiers import SpecifierSet
from pip._vendor.packaging.utils import canonicalize_name, canonicalize_version
from pip._vendor.packaging.version import Version


def requirement(text):
    r = Requirement(text)
    return {
        "name": canonicalize_name(r.name),
        "extras": sorted(canonicalize_name(e) for e in r.extras),
        "specifiers": sorted(str(s) for s in r.specifier),
        "url": r.url,
        "marked": r.marker is not None,
    }


def version(text):
    v = Version(text)
    return [str(v), canonicalize_version(text)]


def order(pair):
    a, b = map(Version, pair)
    return (a > b) - (a < b)


def satisfies(pair):
    return SpecifierSet(pair[1]).contains(Version(pair[0]), prereleases=True)


def marker(question):
    extras = question["extras"] or [""]
    return any(Marker(question["marker"]).evaluate(dict(question["env"], extra=e)) for e in extras)


def options(_):
    command = create_command("install")
    parsers = command.parser.option_list_all + create_main_parser().option_list_all
    return sorted({name for o in parsers for name in o._short_opts + o._long_opts})


def install(question):
    os.environ.clear()
    os.environ.update(question["env"])
    os.chdir(question["cwd"])
    name, args = parse_command(question["argv"])
    command = create_command(name, isolated="--isolated" in args)
    with command.main_context():
        command.tempdir_registry = command.enter_context(tempdir_registry())
        command.enter_context(global_tempdir_manager())
        opts, rest = command.parse_args(args)
        session = command.get_default_session(opts)
        finder = command._build_package_finder(opts, session, ignore_requires_python=opts.ignore_requires_python)
        found = command.get_requirements(rest, opts, finder, session)
        return {
            "requirements": [describe(r) for r in found if not r.constraint],
            "constraints": [describe(r) for r in found if r.constraint],
            "requireHashes": bool(opts.require_hashes),
            "noDeps": bool(opts.ignore_dependencies),
            "compile": bool(opts.compile),
            "target": opts.target_dir and os.path.abspath(opts.target_dir),
            "prefix": opts.prefix_path,
            "root": opts.root_path,
            "user": opts.use_user_site is not None and bool(opts.use_user_site),
            "noUser": opts.use_user_site is not None and not opts.use_user_site,
            "isolated": bool(opts.isolated_mode),
            "verbosity": opts.verbose - opts.quiet,
            "noColor": bool(opts.no_color),
            "logFile": opts.log,
            "noWarnConflicts": not opts.warn_about_conflicts,
            "noWarnScriptLocation": not opts.warn_script_location,
            "indexUrls": finder.index_urls,
            "findLinks": [link if ":" in link else os.path.abspath(link) for link in finder.find_links],
            "noBinary": sorted(finder.format_control.no_binary),
            "onlyBinary": sorted(finder.format_control.only_binary),
            "preferBinary": bool(finder.prefer_binary) if hasattr(finder, "prefer_binary") else None,
        }


def describe(r):
    return {
        "line": str(r.req) if r.req else None,
        "comesFrom": r.comes_from or "",
        "hashes": {k: sorted(v) for k, v in r.hash_options.items()},
        "direct": r.link is not None,
        "marked": r.markers is not None,
    }


ANSWERS = {f.__name__: f for f in (requirement, version, order, satisfies, marker, options, install)}


def answer(kind, question):
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            return {"value": ANSWERS[kind](question)}
    except (Exception, SystemExit) as error:
        return {"error": f"{type(error).__name__}: {error}"}


logging.disable(logging.CRITICAL)
request = json.load(sys.stdin)
json.dump([answer(request["kind"], q) for q in request["questions"]], sys.stdout)
