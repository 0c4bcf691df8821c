// The shape of an alert, and the name of its runbook.

export interface Alert {
  name: string;
  /** `critical` pages someone: users notice it now. `warning` can wait until morning. */
  severity: 'critical' | 'warning';
  expr: string;
  /** How long the expression must be true. */
  for: string;
  summary: string;
  /** What happened and what users notice, as a Prometheus template. */
  description: string;
}

/** The alert's page in docs/operations/runbooks. */
export const runbookOf = ({ name }: Pick<Alert, 'name'>) =>
  `${name
    .replace(/^Mooring/, '')
    .replace(/(?<=.)([A-Z])/g, '-$1')
    .toLowerCase()}.md`;
