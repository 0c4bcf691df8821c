// The runbooks in docs/operations, as Grafana and the alerts show them to whoever is on call.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as grafana from '@grafana/grafana-foundation-sdk/dashboard';
import * as text from '@grafana/grafana-foundation-sdk/text';
import { runbookOf } from './alert.ts';
import { alerts } from './alerts.ts';

const uid = 'mooring-runbooks';
const folder = join(import.meta.dirname, '../docs/operations/runbooks');
const [width, height] = [12, 16];

/** What to look at first, as the page of the alert says it. */
export function firstLook(name: string): string {
  const [, section] = /^## First look\n+(.*?)\n+## /ms.exec(pageOf(name)) ?? [];
  if (!section) throw new Error(`${runbookOf({ name })} does not say what to look at first`);
  return section;
}

const pageOf = (name: string) => readFileSync(join(folder, runbookOf({ name })), 'utf8');

/** Where panels link: the page as a panel that fills the window, in the same Grafana. */
export const linkTo = (name: string) =>
  `/d/${uid}?viewPanel=${alerts.findIndex((alert) => alert.name === name) + 1}`;

/** All pages as a dashboard, so that they are there where the others are. */
export function runbooksDashboard(): { uid: string; content: string } {
  const builder = new grafana.DashboardBuilder('Mooring / Runbooks')
    .uid(uid)
    .description('A page for each alert: what users notice, what to look at, what to do.')
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

/** Without the title, which the panel has; links lead to other panels, or are the words alone. */
function inGrafana(page: string): string {
  return page.replace(/^# .*\n+/, '').replace(/\[([^\]]+)\]\(([^)]+)\)/g, (_, words, target) => {
    const alert = alerts.find((one) => runbookOf(one) === target);
    return alert ? `[${alert.name}](${linkTo(alert.name)})` : words;
  });
}
