// The walls between the rooms of src/, and the rule that holds them.
import { dirname, join, relative, sep } from 'node:path';

/** What a room may not import: other rooms, as folders of src/. */
const closed = {
  pip: ['npm', 'store', 'fleet', 'cli'],
  npm: ['pip', 'store', 'fleet', 'cli'],
  store: ['pip', 'npm', 'cache', 'archive', 'place', 'fleet', 'cli'],
  cache: ['pip', 'npm', 'store', 'place', 'fleet', 'cli'],
  place: ['pip', 'npm', 'store', 'fleet', 'cli'],
  fleet: ['pip', 'npm', 'place', 'cli'],
};

/** Rooms that may import only these files of src/ besides their own. */
const only = { archive: ['errors.ts', 'hash.ts', 'cache/entry.ts'] };

/** Packages that belong to one room, because they are slow to load. */
const packages = { yargs: 'cli', '@aws-sdk/': 'store', '@smithy/': 'store', 'http-proxy-agent': 'store', 'https-proxy-agent': 'store' };

/** Why `file` (relative to src/) may not import `target` (as written), or undefined if it may. */
function verdict(file, target) {
  const room = file.split('/')[0];
  if (!target.startsWith('.')) {
    const owned = Object.entries(packages).find(([name]) => target === name || target.startsWith(`${name.replace(/\/$/, '')}/`));
    return owned === undefined || owned[1] === room ? undefined : `${target} may only be imported in src/${owned[1]}`;
  }
  const path = join(dirname(file), target).split(sep).join('/');
  const other = path.split('/')[0];
  if (other === room) return undefined;
  if (closed[room]?.includes(other)) return `src/${room} must not import src/${other}`;
  if (only[room]?.includes(path) === false) return `src/${room} may only import ${only[room].join(', ')}`;
  return undefined;
}

/** ESLint rule: imports stay within the walls, whether static, dynamic, or of types alone. */
export const walls = {
  meta: { type: 'problem', schema: [{ type: 'object', properties: { src: { type: 'string' } } }] },
  create(context) {
    const file = relative(context.options[0].src, context.filename).split(sep).join('/');
    const check = (node) => {
      const message = typeof node.source?.value === 'string' ? verdict(file, node.source.value) : undefined;
      if (message !== undefined) context.report({ node, message });
    };
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
    };
  },
};
