// What every alert says of itself.

export interface Alert {
  name: string;
  /** `critical` wakes somebody up: users notice it now. `warning` can wait for the morning. */
  severity: 'critical' | 'warning';
  expr: string;
  /** How long it must hold. */
  for: string;
  summary: string;
  /** With Prometheus's templates; it says what users notice, too. */
  description: string;
}

/** The page in docs/operations/runbooks for an alert. */
export const runbookOf = ({ name }: Pick<Alert, 'name'>) =>
  `${name
    .replace(/^Mooring/, '')
    .replace(/(?<=.)([A-Z])/g, '-$1')
    .toLowerCase()}.md`;
