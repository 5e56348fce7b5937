"""Compares compiled files: reads lines `[path, path]` (JSON), writes a line for each: null if the code is the same."""
import json
import marshal
import sys
import types

# Where the code was compiled (co_filename) is the one thing that may differ; co_code_adaptive and the like are
# derived. Comparing objects instead of bytes, because marshal's reference flags depend on what else is in memory.
ATTRIBUTES = (
    'co_argcount co_posonlyargcount co_kwonlyargcount co_nlocals co_stacksize co_flags co_code co_names co_varnames '
    'co_freevars co_cellvars co_name co_qualname co_firstlineno co_exceptiontable'
).split()
LINES = 'co_linetable' if hasattr(types.CodeType, 'co_linetable') else 'co_lnotab'


def difference(a, b, where):
    if type(a) is not type(b):
        return '%s: %s and %s' % (where, type(a).__name__, type(b).__name__)
    if isinstance(a, types.CodeType):
        for name in ATTRIBUTES + [LINES]:
            if getattr(a, name, None) != getattr(b, name, None):
                return '%s.%s' % (where, name)
        return difference(a.co_consts, b.co_consts, '%s.%s' % (where, a.co_name))
    if isinstance(a, tuple):
        if len(a) != len(b):
            return '%s: %d and %d constants' % (where, len(a), len(b))
        found = (difference(x, y, '%s[%d]' % (where, i)) for i, (x, y) in enumerate(zip(a, b)))
        return next((text for text in found if text), None)
    if isinstance(a, frozenset):
        return None if set(map(repr, a)) == set(map(repr, b)) else where
    return None if repr(a) == repr(b) else where  # repr: nan equals nan, 0.0 is not -0.0


def compare(paths):
    contents = []
    for path in paths:
        with open(path, 'rb') as file:
            contents.append(file.read())
    try:
        return difference(*[marshal.loads(data[16:]) for data in contents], where='module')
    except (ValueError, EOFError, TypeError) as error:
        return repr(error)


for line in sys.stdin:
    print(json.dumps(compare(json.loads(line))))
