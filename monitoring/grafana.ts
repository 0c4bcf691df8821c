// Converts dashboards to Grafana JSON. The SDK assigns neither panel ids nor positions that wrap:
// both are assigned here.
import * as common from '@grafana/grafana-foundation-sdk/common';
import * as grafana from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import type { Dashboard, Panel, Query } from './dashboard.ts';
import { placesOf } from './grid.ts';
import { linkTo } from './runbooks.ts';

const datasource = { type: 'prometheus', uid: '$datasource' };
const tag = 'mooring';

/** JSON for an import, or for a ConfigMap. */
export function toGrafana({ uid, title, description, rows }: Dashboard): string {
  const builder = new grafana.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags([tag])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .tooltip(grafana.DashboardCursorSync.Crosshair)
    .link(linkToOthers());
  for (const variable of variables()) builder.withVariable(variable);
  const places = placesOf(rows);
  let id = 0;
  for (const [i, { title: heading, panels }] of rows.entries()) {
    id += 1;
    const y = places.rows[i] as number;
    builder.withRow(new grafana.RowBuilder(heading).id(id).gridPos({ x: 0, y, w: 24, h: 1 }));
    for (const panel of panels) {
      id += 1;
      const place = places.panels.get(panel) as grafana.GridPos;
      builder.withPanel(built(panel).id(id).gridPos(place));
    }
  }
  return `${JSON.stringify(builder.build(), withoutMenus, 2)}\n`;
}

/** The SDK's default would hide the links in a menu. */
const withoutMenus = (key: string, value: unknown) =>
  key === 'placement' && value === 'inControlsMenu' ? undefined : value;

const built = (panel: Panel) => (panel.kind === 'number' ? numberOf(panel) : linesOf(panel));

function linesOf(panel: Panel) {
  const stacked = panel.kind === 'stacked';
  const mode = stacked ? common.StackingMode.Normal : common.StackingMode.None;
  const legend = new common.VizLegendOptionsBuilder()
    .showLegend(true)
    .displayMode(common.LegendDisplayMode.List)
    .placement(common.LegendPlacement.Bottom);
  const tooltip = new common.VizTooltipOptionsBuilder()
    .mode(common.TooltipDisplayMode.Multi)
    .sort(common.SortOrder.Descending);
  const builder = new timeseries.PanelBuilder()
    .min(0)
    .lineWidth(1)
    .fillOpacity(stacked ? 25 : 5)
    .showPoints(common.VisibilityMode.Never)
    .stacking(new common.StackingConfigBuilder().mode(mode))
    .legend(legend)
    .tooltip(tooltip);
  return described(builder, panel);
}

function numberOf(panel: Panel) {
  const builder = new stat.PanelBuilder()
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']))
    .graphMode(common.BigValueGraphMode.Area)
    .colorMode(common.BigValueColorMode.Value)
    .noValue('–');
  return described(builder, panel);
}

type AnyPanelBuilder = timeseries.PanelBuilder | stat.PanelBuilder;

function described<B extends AnyPanelBuilder>(builder: B, panel: Panel): B {
  const { title, description, unit, queries, alert } = panel;
  builder.title(title).description(description).unit(unit).datasource(datasource);
  for (const [i, query] of queries.entries()) builder.withTarget(targetOf(query, i));
  builder.thresholds(thresholdsOf(panel));
  if (!alert) return builder;
  const link = new grafana.DashboardLinkBuilder(`Runbook: ${alert}`).url(linkTo(alert));
  builder.links([link.type(grafana.DashboardLinkType.Link).targetBlank(true)]);
  return builder;
}

function targetOf({ expr, legend }: Query, i: number) {
  const query = new DataqueryBuilder()
    .expr(expr)
    .refId(String.fromCharCode(65 + i))
    .range();
  return legend ? query.legendFormat(legend) : query;
}

function thresholdsOf({ thresholds = [] }: Panel) {
  const colors = thresholds.length > 1 ? ['orange', 'red'] : ['red'];
  const steps = thresholds.map((value, i) => ({ value, color: colors[i] as string }));
  return new grafana.ThresholdsConfigBuilder()
    .mode(grafana.ThresholdsMode.Absolute)
    .steps([{ value: null, color: 'green' }, ...steps]);
}

function variables() {
  const source = new grafana.DatasourceVariableBuilder('datasource').label('Prometheus');
  const labels = ['namespace', 'job'].map((label) =>
    new grafana.QueryVariableBuilder(label)
      .label(label === 'job' ? 'Job' : 'Namespace')
      .datasource(datasource)
      .query({ query: `label_values(mooring_info, ${label})`, refId: label })
      .refresh(grafana.VariableRefresh.OnTimeRangeChanged)
      .sort(grafana.VariableSort.AlphabeticalAsc)
      .multi(true)
      .includeAll(true)
      .allValue('.*') // also matches series without the label
      .current({ selected: true, text: 'All', value: '$__all' }),
  );
  return [source.type('prometheus'), ...labels];
}

function linkToOthers() {
  return new grafana.DashboardLinkBuilder('Mooring')
    .type(grafana.DashboardLinkType.Dashboards)
    .tags([tag])
    .asDropdown(false)
    .includeVars(true)
    .keepTime(true);
}
