// Reads a commented values.yaml: `# --` describes a value, `# @schema` adds to the schema of its
// default, `# ==` starts a group.
import { readFileSync } from 'node:fs';
import { isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';

export interface Value {
  /** The title of the group that starts here. */
  group?: string;
  path: string[];
  description: string;
  /** Undefined for a group, which has children instead. */
  fallback?: unknown;
  /** Additions to the JSON Schema of the value, from its comment. */
  schema: Record<string, unknown>;
  children?: Value[];
}

/** @throws with the names of all values without a description */
export function readValues(file: string): Value[] {
  const document = parseDocument(readFileSync(file, 'utf8'));
  if (!isMap(document.contents)) throw new Error(`${file} contains no values`);
  // The parser attaches a comment above the first key, followed by an empty line, to the document.
  const values = readMap(document.contents, [], document.commentBefore ?? '');
  const silent = flatten(values).filter((value) => !value.children && !value.description);
  if (silent.length > 0) {
    const names = silent.map(({ path }) => path.join('.')).join(', ');
    throw new Error(`${file}: add a line "# -- description" above ${names}`);
  }
  return values;
}

/** Lists groups before their children. */
export function flatten(values: Value[]): Value[] {
  return values.flatMap((value) => [value, ...flatten(value.children ?? [])]);
}

function readMap(map: YAMLMap, above: string[], head = ''): Value[] {
  return map.items.map((pair, position) => {
    const { key, value } = pair;
    if (!isScalar(key)) throw new Error('keys of values must be plain strings');
    // The parser attaches the comment above the first key to the map.
    const own = (position === 0 && map.commentBefore) || key.commentBefore || '';
    const comment = position === 0 ? `${head}\n${own}` : own;
    const entry = { path: [...above, String(key.value)], ...readComment(comment) };
    const isGroup = isMap(value) && value.items.length > 0 && describesChildren(value);
    return isGroup
      ? { ...entry, children: readMap(value, entry.path) }
      : { ...entry, fallback: (value as { toJSON(): unknown } | null)?.toJSON() };
  });
}

const describesChildren = (map: YAMLMap) =>
  [map, ...map.items.map(({ key }) => key)].some((node) =>
    (node as { commentBefore?: string | null }).commentBefore?.includes(' -- '),
  );

function readComment(comment: string): Pick<Value, 'group' | 'description' | 'schema'> {
  const lines = comment.split('\n').map((line) => line.trim());
  const added = lines.filter((line) => line.startsWith('@schema '));
  const schema = added.map((line) => JSON.parse(line.slice('@schema '.length)) as object);
  const start = lines.findIndex((line) => line.startsWith('-- '));
  const group = lines.map((line) => /^== (.+) ==$/.exec(line)?.[1]).find(Boolean);
  const text = start < 0 ? [] : lines.slice(start).filter((line) => !line.startsWith('@'));
  return {
    ...(group && { group }),
    description: text.join(' ').trim().replace(/^-- /, ''),
    schema: Object.assign({}, ...schema),
  };
}
