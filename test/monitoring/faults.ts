// Faults and the alerts that they are to make true, and no others.
import { alerts } from '../../monitoring/alerts.ts';
import { trueAlerts } from '../../monitoring/verify.ts';
import { until } from '../harness/processes.ts';

const severityOf = (name: string) => alerts.find((alert) => alert.name === name)?.severity;
const pages = (names: string[]) => names.filter((name) => severityOf(name) === 'critical');

/** @param url of a Prometheus that scrapes the fleet */
export function watchAlerts(url: () => string) {
  // A test cannot wait for minutes of probes, and earlier traffic would dilute a fault.
  const shortened = (expr: string) => expr.replaceAll('[2m]', '[6s]').replaceAll('[5m]', '[30s]');
  const nowTrue = () => trueAlerts(url(), shortened, { rulesLoaded: false });

  const settled = (name: string) =>
    until(`${name} is over`, async () => !(await nowTrue()).includes(name));

  return {
    nowTrue,
    /** Makes a fault, waits for its alert, and sees that no other one pages that did not before. */
    async expectAlert(name: string, fault: () => unknown, undo: () => unknown = () => {}) {
      await settled(name); // of an earlier fault
      const before = await nowTrue();
      await fault();
      const isTrue = async () => (await nowTrue()).includes(name);
      await until(`${name} is true`, isTrue);
      // A replica that starts has no Redis for a moment: what pages has to hold for a minute.
      const others = async () =>
        pages((await nowTrue()).filter((one) => one !== name && !before.includes(one)));
      await until('nothing else stays true', async () => (await others()).length === 0);
      await undo();
    },
    settled,
  };
}
