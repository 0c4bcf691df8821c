// The arguments of `trace`.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileNameOf } from '../../config/variables.ts';
import { userIdSchema } from '../../protocol/identity.ts';
import { BadUsage } from '../check/options.ts';

export interface TraceOptions {
  userId: string;
  /** The operations port of any replica, without a slash at the end. */
  url: string;
  apiKey: string;
  /** Shows the events of this pod alone. */
  pod: string | undefined;
  json: boolean;
}

type Environment = Record<string, string | undefined>;

/** @throws {BadUsage} */
export function parseTrace(args: string[], env: Environment): TraceOptions {
  try {
    const { user, url, json, pod, 'api-key-file': keyFile } = readArguments(args);
    if (!user) throw new Error('trace needs --user USER');
    const userId = userIdSchema.safeParse(user);
    if (!userId.success) throw new Error(`--user ${userId.error.issues[0]?.message}`);
    return { userId: user, url: originOf(url), apiKey: readKey(keyFile, env), pod, json };
  } catch (error) {
    throw new BadUsage((error as Error).message, { cause: error });
  }
}

const readArguments = (args: string[]) =>
  parseArgs({
    args,
    options: {
      user: { type: 'string' },
      url: { type: 'string', default: 'http://localhost:3001' },
      'api-key-file': { type: 'string' },
      pod: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  }).values;

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new Error(`--url ${text} must be an http:// or https:// URL`);
  }
  return url.href.replace(/\/+$/, '');
}

function readKey(file: string | undefined, env: Environment): string {
  const { API_KEY, API_KEY_FILE, SECRETS_DIR } = env;
  const inFolder = SECRETS_DIR && !API_KEY ? join(SECRETS_DIR, fileNameOf('API_KEY')) : undefined;
  const path = file ?? API_KEY_FILE ?? inFolder;
  const key = path ? readFile(path) : API_KEY?.trim();
  if (!key) throw new Error('trace needs the API key: set API_KEY or --api-key-file FILE');
  return key;
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    throw new Error('--api-key-file cannot be read; check the path and its permissions');
  }
}
