// Signals to processes of pods, from their node: process 1 of a container is deaf to SIGKILL and
// SIGSTOP from inside it.
import { apply, get, image, kubectl, node, openNamespace } from './cluster.ts';

const uid = 10001; // the service's own: enough to see its environment and to signal it

/** A pod that sees all processes of the node which the release in `namespace` runs on. */
export async function openNode(namespace: string) {
  const home = await openNamespace('processes');
  const label = 'pod-security.kubernetes.io/enforce=privileged';
  await kubectl('label', 'namespace', home.namespace, label, '--overwrite');
  const { items } = await get(namespace, 'pods', '-l', 'app.kubernetes.io/component=server');
  await apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'node', namespace: home.namespace },
    spec: {
      hostPID: true,
      nodeName: items[0].spec.nodeName,
      securityContext: { runAsUser: uid, runAsGroup: uid, runAsNonRoot: true },
      containers: [
        {
          name: 'node',
          image,
          imagePullPolicy: 'IfNotPresent',
          command: ['node', '-e', 'setInterval(() => {}, 60000)'],
        },
      ],
      terminationGracePeriodSeconds: 1,
    },
  });
  await kubectl('-n', home.namespace, 'wait', 'pod/node', '--for=condition=Ready');
  return {
    async signal(pod: string, signal: string) {
      await node(
        home.namespace,
        'pod/node',
        `import { readdirSync, readFileSync } from 'node:fs';
        const isOfPod = (id) => {
          try {
            const names = readFileSync('/proc/' + id + '/environ', 'utf8').split('\\0');
            return names.includes('POD_NAME=${pod}');
          } catch { return false; }
        };
        const ids = readdirSync('/proc').filter((name) => Number(name)).filter(isOfPod);
        if (ids.length === 0) throw new Error('no process of ${pod} on this node');
        for (const id of ids) process.kill(Number(id), '${signal}');`,
      );
    },
    close: home.close,
  };
}
