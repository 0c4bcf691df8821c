// The runbooks, as a Grafana dashboard and as the annotation `first_look` of each alert.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as grafana from '@grafana/grafana-foundation-sdk/dashboard';
import * as text from '@grafana/grafana-foundation-sdk/text';
import { runbookOf } from './alert.ts';
import { alerts } from './alerts.ts';

const uid = 'mooring-runbooks';
const folder = join(import.meta.dirname, '../docs/operations/runbooks');
const [width, height] = [12, 16];

/** The section "First look" of the alert's runbook. */
export function firstLook(name: string): string {
  const [, section] = /^## First look\n+(.*?)\n+## /ms.exec(pageOf(name)) ?? [];
  if (!section) throw new Error(`${runbookOf({ name })} has no section "First look"`);
  return section;
}

const pageOf = (name: string) => readFileSync(join(folder, runbookOf({ name })), 'utf8');

/** A link to the runbook in the same Grafana, as a full-window panel. */
export const linkTo = (name: string) =>
  `/d/${uid}?viewPanel=${alerts.findIndex((alert) => alert.name === name) + 1}`;

/** All runbooks as one dashboard, so that they are available in Grafana. */
export function runbooksDashboard(): { uid: string; content: string } {
  const builder = new grafana.DashboardBuilder('Mooring / Runbooks')
    .uid(uid)
    .description(
      'A runbook for each alert: what users notice, what to look at first, and how to fix it.',
    )
    .tags(['mooring']);
  for (const [i, { name }] of alerts.entries()) {
    const place = { x: (i % 2) * width, y: Math.floor(i / 2) * height, w: width, h: height };
    const panel = new text.PanelBuilder()
      .title(name)
      .mode(text.TextMode.Markdown)
      .content(inGrafana(pageOf(name)))
      .id(i + 1)
      .gridPos(place);
    builder.withPanel(panel);
  }
  return { uid, content: `${JSON.stringify(builder.build(), undefined, 2)}\n` };
}

/** Drops the title, which the panel has, and turns links into links to panels or into text. */
function inGrafana(page: string): string {
  return page.replace(/^# .*\n+/, '').replace(/\[([^\]]+)\]\(([^)]+)\)/g, (_, words, target) => {
    const alert = alerts.find((one) => runbookOf(one) === target);
    return alert ? `[${alert.name}](${linkTo(alert.name)})` : words;
  });
}
