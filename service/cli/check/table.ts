// A report for people and for programs.
import { adviceFor } from './advice.ts';
import { notReached, type Report } from './check.ts';

const labels = { holds: 'ok', fails: 'FAILS', skipped: 'skipped' };
const settingsMargin = 4;

/** What was looked at, then why it fails and what to change. */
export function reportText({ door, pods, results, ok }: Report): string {
  const where = pods.length > 0 ? `, pods met: ${pods.join(', ')}` : '';
  const later = results.filter(({ detail }) => detail === notReached);
  const reached = results.filter((result) => !later.includes(result));
  const rows = reached.map(({ name, state, detail }) => [labels[state], name, detail]);
  if (later.length > 0)
    rows.push([labels.skipped, notReached, later.map(({ name }) => name).join(', ')]);
  const failing = Map.groupBy(
    results.filter(({ finding }) => finding),
    ({ finding }) => finding,
  );
  const causes = [...failing].flatMap(([finding, found]) => {
    if (!finding) return [];
    const { cause, settings } = adviceFor(finding);
    const names = found.map(({ name }) => name).join(', ');
    const lines = Object.entries(settings).flatMap(([place, values]) =>
      values.map((value, i) => [i === 0 ? place : '', value]),
    );
    return ['', `${names}: ${cause}`, ...columns(lines, settingsMargin)];
  });
  const end = ok ? 'Nothing fails.' : '';
  return [`${door.origin}${door.path}${where}`, '', ...columns(rows, 2), ...causes, '', end]
    .join('\n')
    .trimEnd();
}

/** The same with the advice in it. */
export function reportJson({ door, ok, pods, results }: Report): string {
  const url = door.origin + door.path;
  const advised = results.map((result) =>
    result.finding ? { ...result, ...adviceFor(result.finding) } : result,
  );
  return JSON.stringify({ url, ok, pods, results: advised }, null, 2);
}

/** Each column as wide as its longest cell; the last one as it is. */
function columns(rows: string[][], margin: number): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)));
    return ' '.repeat(margin) + cells.join('  ');
  });
}
