// A dashboard, independent of Grafana: the renderer and the tests read it too.

export type Unit = 'short' | 's' | 'bytes' | 'percentunit' | 'ops' | 'none';

export interface Query {
  /** PromQL with Grafana variables. */
  expr: string;
  /** In Grafana's format: `{{label}}`. */
  legend: string;
}

export interface Panel {
  title: string;
  /** What the panel shows, and what is good. */
  description: string;
  kind: 'lines' | 'stacked' | 'number';
  unit: Unit;
  queries: Query[];
  /** The alert that monitors it; the panel links to its runbook. */
  alert?: string;
  /** In columns of 24; default: 8. */
  width?: number;
  /** Where a number turns orange and red; a single threshold is red. */
  thresholds?: number[];
  /** Why the panel may have no data. */
  empty?: string;
}

export interface Row {
  title: string;
  panels: Panel[];
}

export interface Dashboard {
  uid: string;
  title: string;
  description: string;
  rows: Row[];
}
