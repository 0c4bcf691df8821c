// Prints the report, as text or as JSON.
import { adviceFor } from './advice.ts';
import { notRun, type Report } from './check.ts';

const labels = { holds: 'ok', fails: 'FAILS', skipped: 'skipped' };
const settingsMargin = 4;

/** The results, then the cause of each failure and the settings to change. */
export function reportText({ target, pods, results, ok }: Report): string {
  const where = pods.length > 0 ? `, pods reached: ${pods.join(', ')}` : '';
  const notRunResults = results.filter(({ detail }) => detail === notRun);
  const run = results.filter((result) => !notRunResults.includes(result));
  const rows = run.map(({ name, state, detail }) => [labels[state], name, detail]);
  if (notRunResults.length > 0)
    rows.push([labels.skipped, notRun, notRunResults.map(({ name }) => name).join(', ')]);
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
  const end = ok ? 'All checks passed.' : '';
  return [`${target.origin}${target.path}${where}`, '', ...columns(rows, 2), ...causes, '', end]
    .join('\n')
    .trimEnd();
}

/** The results with their advice. */
export function reportJson({ target, ok, pods, results }: Report): string {
  const url = target.origin + target.path;
  const advised = results.map((result) =>
    result.finding ? { ...result, ...adviceFor(result.finding) } : result,
  );
  return JSON.stringify({ url, ok, pods, results: advised }, null, 2);
}

/** Pads every column but the last to its longest cell. */
function columns(rows: string[][], margin: number): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)));
    return ' '.repeat(margin) + cells.join('  ');
  });
}
