// Reads the data of every panel from a live Prometheus.
import type { Dashboard, Panel } from '../dashboard.ts';
import { placesOf } from '../grid.ts';
import { filled, type Prometheus, type Series } from '../prometheus.ts';

export interface Picture {
  title: string;
  description: string;
  rows: { title: string; top: number }[];
  panels: PanelPicture[];
}

export interface PanelPicture extends Pick<Panel, 'title' | 'description' | 'kind' | 'unit'> {
  alert?: string | undefined;
  thresholds: number[];
  place: { x: number; y: number; w: number; h: number };
  /** Epoch seconds. */
  times: number[];
  lines: { name: string; values: (number | null)[] }[];
}

const points = 240;

/** @param minutes the time range */
export async function readPicture(
  prometheus: Prometheus,
  { title, description, rows }: Dashboard,
  minutes: number,
): Promise<Picture> {
  const step = Math.max(1, Math.round((minutes * 60) / points));
  const end = Math.floor(Date.now() / 1000 / step) * step;
  const span = { start: end - minutes * 60, end, step };
  const times = Array.from({ length: (minutes * 60) / step + 1 }, (_, i) => span.start + i * step);
  const places = placesOf(rows);
  const panels = rows.flatMap((row) => row.panels);
  return {
    title,
    description,
    rows: rows.map((row, i) => ({ title: row.title, top: places.rows[i] as number })),
    panels: await Promise.all(
      panels.map(async (panel) => {
        const { kind, unit, alert, thresholds = [] } = panel;
        const place = places.panels.get(panel) as PanelPicture['place'];
        const lines = await Promise.all(
          panel.queries.map(async ({ expr, legend }) => {
            const series = await prometheus.range(filled(expr, rateInterval(step)), span);
            return series.map((one) => lineOf(one, legend, times));
          }),
        );
        const { title, description } = panel;
        const what = { title, description, kind, unit, alert, thresholds };
        return { ...what, place, times, lines: lines.flat() };
      }),
    ),
  };
}

/** Grafana's $__rate_interval for a scrape interval of at most 15 seconds. */
const rateInterval = (step: number) => `${Math.max(4 * step, 60)}s`;

function lineOf({ labels, points: known }: Series, legend: string, times: number[]) {
  const name = legend.replace(/\{\{(\w+)\}\}/g, (_, label: string) => labels[label] ?? '');
  const byTime = new Map(known);
  const values = times.map((at) => {
    const value = byTime.get(at);
    return value === undefined || Number.isNaN(value) ? null : value;
  });
  return { name: name.trim() || 'all', values };
}
