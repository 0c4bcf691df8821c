// What Helm prints after an install.
import { describe, expect, it } from 'vitest';
import { chart, helm, scenario, type Values } from './render.ts';

describe('the notes', () => {
  const notesOf = (values: Values) => {
    const args = [
      'install',
      'mooring',
      chart,
      '--namespace',
      'chat',
      '--dry-run=client',
      '-f',
      '-',
    ];
    const { text } = helm(args, values);
    return text.slice(text.indexOf('NOTES:'));
  };

  it('give the commands that come next', () => {
    const notes = notesOf({});
    expect(notes).toContain('kubectl -n chat rollout status deployment/mooring');
    expect(notes).toContain('kubectl -n chat port-forward service/mooring 3000:80');
    expect(notes).toContain('node service/main.ts token --sub alice');
    expect(notes).toContain('open http://localhost:3000');
    expect(notes).toContain('Add your backends to networkPolicy.operationsFrom');
    expect(notesOf({ networkPolicy: { enabled: false } })).not.toContain('operationsFrom');
  });

  it('say what helm test lacks where an issuer signs the tokens', () => {
    expect(notesOf(scenario('shared-redis'))).toContain('without a token in\n  tests.tokenSecret');
    expect(notesOf(scenario('external-redis'))).not.toContain('tests.tokenSecret');
    expect(notesOf({})).not.toContain('tests.tokenSecret');
  });

  it('wait for the controller too', () => {
    expect(notesOf({})).toContain('rollout status deployment/mooring-ingress-nginx');
    expect(notesOf(scenario('cluster-nginx'))).not.toContain('mooring-ingress-nginx');
  });

  it('say what an ingress-nginx of the cluster does to WebSockets and to two releases', () => {
    const shared = { 'ingress-nginx': { enabled: false } };
    expect(notesOf(shared)).toContain('worker-shutdown-timeout');
    expect(notesOf(shared)).toContain('clients of a second such');
    expect(notesOf(scenario('cluster-nginx'))).toContain('worker-shutdown-timeout');
    expect(notesOf(scenario('cluster-nginx'))).not.toContain('clients of a second such');
    expect(notesOf({})).not.toContain('worker-shutdown-timeout');
  });

  it('say where the proxy does not retry a refused handshake', () => {
    expect(notesOf(scenario('f5-nginx'))).toContain('during a rollout clients see a 503');
    expect(notesOf(scenario('haproxytech'))).not.toContain('during a rollout clients see a 503');
    expect(notesOf(scenario('traefik'))).not.toContain('during a rollout clients see a 503');
  });

  it('say what one controller costs, and what helm test cannot reach', () => {
    expect(notesOf({ 'ingress-nginx': { replicas: 1 } })).toContain('A single controller');
    expect(notesOf({})).not.toContain('A single controller');
    expect(notesOf({ exposure: { tls: { enabled: true } } })).toContain('tests.url');
  });

  it('say plainly that ingress-nginx is retired, and what else is unsafe', () => {
    expect(notesOf({})).toContain('ingress-nginx was retired');
    expect(notesOf({})).toContain('Tokens are sent unencrypted');
    const free = { enabled: true, ownPodOnly: false };
    expect(notesOf({ podDeletionCost: free })).toContain('every pod in the namespace');
    const single = notesOf(scenario('single'));
    for (const word of ['Without Redis', 'Every pod in the cluster', 'single pod, every rollout']) {
      expect(single).toContain(word);
    }
  });

  it('are quiet about what is well', () => {
    const notes = notesOf({ ...scenario('cluster-nginx') });
    expect(notes).not.toContain('unencrypted');
    expect(notes).not.toContain('test page');
    expect(notes).toContain('https://chat.example.com');
  });
});
