// Whether this process takes new clients: one state, read by the probe and by admission.

export interface Readiness {
  ready: boolean;
  reason?: 'starting' | 'draining' | 'over_capacity';
}

/** @param full tells whether there is no place for another connection */
export function createReadiness(full: () => boolean) {
  let phase: 'starting' | 'running' | 'draining' = 'starting';
  return {
    running() {
      if (phase === 'starting') phase = 'running';
    },
    draining() {
      phase = 'draining';
    },
    state(): Readiness {
      if (phase !== 'running') return { ready: false, reason: phase };
      return full() ? { ready: false, reason: 'over_capacity' } : { ready: true };
    },
  };
}
