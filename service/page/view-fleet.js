// For admins only: the pods, live during a rollout.
import { byId, element, setText } from './element.js';
import { reconcile } from './reconcile.js';

// The returned function is called once a second.
export function createFleetView({ pods }) {
  let asking = false;
  return async ({ connection: { line } }) => {
    const fleet = byId('fleet');
    const wanted = line.role === 'admin' && line.state === 'connected' && !document.hidden;
    if (line.role !== 'admin') fleet.hidden = true;
    if (!wanted || asking || (!fleet.hidden && !fleet.open)) return;
    asking = true;
    const answer = await pods();
    asking = false;
    if (!answer.ok) return; // another application may not have this event
    fleet.hidden = false;
    show(answer.pods, line.pod);
  };
}

function show(pods, own) {
  const newest = Math.max(...pods.map(({ generation = 0 }) => generation));
  const rows = pods.map((pod) => ({
    key: pod.pod,
    name: pod.pod === own ? `${pod.pod} (this tab)` : pod.pod,
    text: [`${pod.connections} connections`, ...stateOf(pod, newest)].join(', '),
  }));
  reconcile(byId('pods'), rows, {
    create: () => element('div', {}, element('dt'), element('dd')),
    update: (node, { name, text }) => {
      setText(node.firstElementChild, name);
      setText(node.lastElementChild, text);
    },
  });
}

function stateOf({ ready, draining, generation = 0 }, newest) {
  if (draining) return ['draining'];
  if (!ready) return ['not ready'];
  return generation < newest ? ['older release'] : [];
}
