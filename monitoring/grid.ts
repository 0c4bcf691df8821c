// Places panels on Grafana's grid of 24 columns, from left to right, line by line.
import type { Panel, Row } from './dashboard.ts';

const columns = 24;
const heights = { lines: 8, stacked: 8, number: 4 };

export interface Place {
  x: number;
  y: number;
  w: number;
  h: number;
}

export function placesOf(rows: Row[]): { rows: number[]; panels: Map<Panel, Place> } {
  const panels = new Map<Panel, Place>();
  const tops: number[] = [];
  let y = 0;
  for (const row of rows) {
    tops.push(y);
    y += 1;
    let x = 0;
    const h = Math.max(...row.panels.map(({ kind }) => heights[kind]));
    for (const [i, panel] of row.panels.entries()) {
      const w = panel.width ?? widthOf(row.panels.length, i);
      if (x + w > columns) {
        x = 0;
        y += h;
      }
      panels.set(panel, { x, y, w, h });
      x += w;
    }
    y += h;
  }
  return { rows: tops, panels };
}

/** Three panels per line; four share a line, and so do the last two of five. */
function widthOf(count: number, position: number): number {
  if (count === 4) return columns / 4;
  return count % 3 === 2 && position >= count - 2 ? columns / 2 : columns / 3;
}
