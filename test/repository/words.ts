// Words that must not come back: the field has its own, which docs/internals/glossary.md defines.
// To check more files, add their globs to `places`; to ban a word, add a line to `words`.
import { execFileSync } from 'node:child_process';

export interface BannedWord {
  word: RegExp;
  /** What to write instead. */
  use: string;
  /** Globs of the files that it is banned from, if not from all of `places`. */
  in?: string[];
}

/** Globs of the files that are checked. */
export const places = [
  '**/*.md',
  '**/*.conf',
  'compose.yaml',
  'skaffold.yaml',
  'service/*',
  'service/{api,application,auth,chat,cli,cluster,config,fleet,lib,page}/**',
  'service/{protocol,sockets,stores,telemetry}/**',
  '{bench,ingress,monitoring}/**/*.{ts,js}',
  'tools/*.ts',
  'charts/**/*.{ts,tpl,txt}',
  'charts/**/values.yaml',
  'charts/mooring/{templates,charts}/**/*.yaml',
  'test/{api,auth,bench,chaos,chart,cli,config,e2e,fleet,harness,monitoring}/**/*.ts',
  'test/{nginx,page,redis,recovery,workers}/**/*.ts',
];

export const words: BannedWord[] = [
  // American spelling, and one word where the field has one.
  { word: /\broll-(outs?|backs?)\b/i, use: 'rollout, rollback' },
  { word: /\btime-outs?\b/i, use: 'timeout' },
  { word: /\bback[- ]ends?\b/i, use: 'backend' },
  { word: /\bfail-overs?\b/i, use: 'failover' },
  { word: /\bstart-up\b/i, use: 'startup' },
  { word: /\bbehaviours?\b/i, use: 'behavior' },
  { word: /\b(colour|centre|licence|neighbour|favour)s?\b/i, use: 'American spelling' },
  { word: /\b(author|recogn|organ|optim|serial|initial|synchron)is(e[sd]?|ing)\b/i, use: '-ize' },
  // Our own nouns.
  { word: /\b(hub|keeper|parcels?|takers?|steering)\b/i, use: 'a term of the glossary' },
  { word: /\bdoors?\b/i, use: 'endpoint, or ingress, gateway, proxy' },
  { word: /\bnewcomers?\b/i, use: 'new clients, or new contributors' },
  { word: /\bbeats?\b/i, use: 'heartbeat' },
  { word: /\bnarrates?\b/i, use: 'log' },
  { word: /\bcontradictions\b/i, use: 'cross-checks' },
  { word: /\borders? (to|of) (disconnect|revoke|close|back)/i, use: 'commands' },
  // Our own verbs and phrases.
  { word: /\banew\b/i, use: 'again, or new' },
  { word: /\b(is|was|are|were|goes|went) away\b/i, use: 'unavailable, or gone' },
  { word: /\b(is|was|are|were|be|being) told\b/i, use: 'notified, or receives' },
  { word: /\bhears? of\b/i, use: 'reads, learns' },
  { word: /\bdoubled\b/i, use: 'duplicated' },
  { word: /\bfor ever\b/i, use: 'forever' },
  { word: /\btime away\b/i, use: 'time to reconnect' },
];

/** The files of the repository, also those that are not committed yet. */
export function trackedFiles(): string[] {
  const output = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '--deduplicate'], {
    encoding: 'utf8',
  });
  return output.split('\n').filter(Boolean);
}
