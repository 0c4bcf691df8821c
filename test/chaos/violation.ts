// The violations that the model reports.

export const violationKinds = [
  'lost',
  'duplicated',
  'reordered',
  'leaked',
  'replayed',
  'stale data',
  'wrongly recovered',
  'wrongly not recovered',
  'stuck',
  'wrong rooms',
  'wrong presence',
  'wrongly told',
] as const;

export interface Violation {
  kind: (typeof violationKinds)[number];
  client: string;
  at: number;
  text: string;
}
