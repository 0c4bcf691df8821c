// What a dashboard is, before it is Grafana's: the renderer and the checks read this as well.

export type Unit = 'short' | 's' | 'bytes' | 'percentunit' | 'ops' | 'none';

export interface Query {
  /** PromQL, with Grafana's variables in it. */
  expr: string;
  /** Grafana's form: `{{label}}`. */
  legend: string;
}

export interface Panel {
  title: string;
  /** What is seen, and what is good. */
  description: string;
  kind: 'lines' | 'stacked' | 'number';
  unit: Unit;
  queries: Query[];
  /** The alert that watches it: its runbook is linked. */
  alert?: string;
  /** Of the 24 columns; eight if not given. */
  width?: number;
  /** Numbers turn orange and red at these; red alone with one. */
  thresholds?: number[];
  /** Why it is right that nothing was counted, or there was nothing to measure. */
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
