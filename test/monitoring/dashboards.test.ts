// What a person with Grafana can rely on; that the files are up to date is in rules.test.ts.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runbookOf } from '../../monitoring/alert.ts';
import { alerts } from '../../monitoring/alerts.ts';
import { dashboards } from '../../monitoring/dashboards.ts';
import { withoutRecordings } from '../../monitoring/recordings.ts';
import { describeMetrics } from '../../service/telemetry/definitions.ts';

interface GrafanaPanel {
  id: number;
  type: string;
  title: string;
  description: string;
  datasource: { uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig: { defaults: { unit: string } };
  targets: { expr: string }[];
  links?: { url: string }[];
}

const metrics = readFileSync('docs/reference/contract.md', 'utf8');

describe.each(dashboards.map(({ uid }) => uid))('%s', (uid) => {
  const grafana = JSON.parse(readFileSync(`charts/mooring/dashboards/${uid}.json`, 'utf8'));
  const all: GrafanaPanel[] = grafana.panels;
  const panels = all.filter(({ type }) => type !== 'row');

  it('asks the Prometheus that is chosen, for the installs that are chosen', () => {
    expect(grafana.templating.list[0]).toMatchObject({ type: 'datasource', query: 'prometheus' });
    for (const { datasource, targets } of panels) {
      expect(datasource.uid).toBe('$datasource');
      for (const { expr } of targets) {
        expect(expr).toContain('{namespace=~"$namespace",job=~"$job"');
        expect(expr).not.toMatch(/rate\([^)]*\[\d/); // a fixed window is wrong at most zooms
      }
    }
  });

  it('explains every panel, in a unit, by one id and one title', () => {
    for (const panel of panels) {
      expect(panel.description.length).toBeGreaterThan(20);
      expect(panel.fieldConfig.defaults.unit).toBeTruthy();
    }
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    const titles = panels.map(({ title, type }) => `${title} ${type}`);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it('has panels beside each other, none over another and none beyond the edge', () => {
    const taken = new Set<string>();
    for (const { gridPos } of all) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x} ${y}`)).toBe(false);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });

  it('asks for metrics that there are', () => {
    const names = panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => expr.match(/mooring_\w+/g) ?? []),
    );
    for (const name of names) {
      const known = name.replace(/^mooring_/, '').replace(/_(bucket|sum|count)$/, '');
      expect(metrics).toContain(`\`${known}\``);
    }
  });
});

describe('runbooks', () => {
  const read = (uid: string) =>
    JSON.parse(readFileSync(`charts/mooring/dashboards/${uid}.json`, 'utf8'));
  const pages: { id: number; title: string; options: { content: string } }[] =
    read('mooring-runbooks').panels;

  it('are pages in Grafana, each as it is in docs/, with links that lead to each other', () => {
    expect(pages.map(({ title }) => title)).toEqual(alerts.map(({ name }) => name));
    for (const { title, options } of pages) {
      const page = readFileSync(`docs/operations/runbooks/${runbookOf({ name: title })}`, 'utf8');
      const plain = (text: string) => text.replace(/\[([^\]]+)\]\([^)]+\)/g, '').split('\n');
      const lines = plain(options.content);
      expect(lines.filter((line) => line.startsWith('## '))).toHaveLength(5);
      expect(plain(page).filter((line) => line.startsWith('-')).length).toBe(
        lines.filter((line) => line.startsWith('-')).length,
      );
      for (const [, target] of options.content.matchAll(/\]\(([^)]+)\)/g)) {
        expect(target).toMatch(/^\/d\/mooring-runbooks\?viewPanel=\d+$/);
      }
    }
  });

  it('are linked from the panels that their alerts watch', () => {
    for (const { uid, rows } of dashboards) {
      const { panels }: { panels: GrafanaPanel[] } = read(uid);
      for (const { title, alert } of rows.flatMap((row) => row.panels)) {
        const urls = panels
          .filter((panel) => panel.title === title)
          .flatMap(({ links = [] }) => links.map(({ url }) => url));
        const page = pages.find((one) => one.title === alert);
        if (alert) expect(urls).toContain(`/d/mooring-runbooks?viewPanel=${page?.id}`);
      }
    }
  });
});

/** A panel of its own would say nothing that another one does not. */
const notShown = [
  'mooring_connections', // mooring_clients counts them whatever their namespaces
  'mooring_rooms', // what it costs is in memory and in Redis
];

describe('dashboards', () => {
  it('show every metric', () => {
    const expressions = dashboards.flatMap(({ rows }) =>
      rows.flatMap(({ panels }) =>
        panels.flatMap(({ queries }) => queries.map(({ expr }) => expr)),
      ),
    );
    const text = expressions.map(withoutRecordings).join('\n');
    const missing = describeMetrics()
      .map(({ name }) => name)
      .filter((name) => !new RegExp(`\\b${name}(_bucket|_sum|_count)?\\b`).test(text));
    expect(missing, 'no panel in monitoring/dashboards shows this metric').toEqual(notShown);
  });

  it('show what every alert watches', () => {
    const shown = dashboards.flatMap(({ rows }) =>
      rows.flatMap(({ panels }) => panels.map(({ alert }) => alert)),
    );
    const names = alerts.map(({ name }) => name);
    // A replica that is silent has no metrics to show.
    expect(names.filter((name) => !shown.includes(name))).toEqual(['MooringPodSilent']);
    expect(shown.filter((name) => name && !names.includes(name))).toEqual([]);
  });
});
