// Reads a commented values.yaml: `# --` describes a value, `# @schema` adds to what its default
// shows, `# ==` begins a group.
import { readFileSync } from 'node:fs';
import { isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';

export interface Value {
  /** The question that it and what follows answer. */
  group?: string;
  path: string[];
  description: string;
  /** Undefined for a group, which has children. */
  fallback?: unknown;
  /** What the comment adds to the JSON Schema of the value. */
  schema: Record<string, unknown>;
  children?: Value[];
}

/** @throws an error that names every value without a description */
export function readValues(file: string): Value[] {
  const document = parseDocument(readFileSync(file, 'utf8'));
  if (!isMap(document.contents)) throw new Error(`${file} holds no values`);
  // The parser hangs what stands above the first key, an empty line apart, on the document.
  const values = readMap(document.contents, [], document.commentBefore ?? '');
  const silent = flatten(values).filter((value) => !value.children && !value.description);
  if (silent.length > 0) {
    const names = silent.map(({ path }) => path.join('.')).join(', ');
    throw new Error(`${file}: add a line "# -- what it is for" above ${names}`);
  }
  return values;
}

/** Groups before their children. */
export function flatten(values: Value[]): Value[] {
  return values.flatMap((value) => [value, ...flatten(value.children ?? [])]);
}

function readMap(map: YAMLMap, above: string[], head = ''): Value[] {
  return map.items.map((pair, position) => {
    const { key, value } = pair;
    if (!isScalar(key)) throw new Error('keys of values are plain');
    // The parser hangs the comment above the first key on the map.
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
