#!/usr/bin/env node
// The entry point: the only file that handles arguments, environment, signals and exit.
import cluster from 'node:cluster';
import { inspect, parseArgs } from 'node:util';
import { createTerminus } from '@godaddy/terminus';
import { RedisUnfit } from './adapter/engine/redis/requirements.ts';
import { createOperations } from './api/operations.ts';
import { listen } from './api/router.ts';
import { type App, createApp } from './app.ts';
import { mintToken } from './auth/tokens.ts';
import { BadUsage, parseCheck } from './cli/check/options.ts';
import { inDevelopment, readyMadeTokens, welcomeText } from './cli/development.ts';
import { commandHelp, helpMarkdown, helpText } from './cli/help.ts';
import { parseTrace } from './cli/trace/options.ts';
import { runTrace, TraceFailed, Unreachable } from './cli/trace/trace.ts';
import type { Pod } from './cluster/pod.ts';
import { startPrimary } from './cluster/primary.ts';
import { serveAsWorker } from './cluster/worker.ts';
import { type Config, ConfigError, parseConfig, secrets } from './config/schema.ts';
import { hasFiles } from './config/variables.ts';
import { currentHandler } from './lib/current-handler.ts';
import { createLog, type Log } from './telemetry/log.ts';

const signals = { SIGTERM: 15, SIGINT: 2 };
const operationsStopMsMax = 500;
const closeMsMax = 10_000; // after an uncaught exception
const unfitCode = 78; // EX_CONFIG: this Redis is unsupported, so restarting a worker is no use

type Environment = Record<string, string | undefined>;

async function main(args: string[], env: Environment): Promise<void> {
  const [command = '', ...rest] = args;
  const help = args.includes('--help') && commandHelp(command);
  if (help) return print(help);
  if (command === 'check') return check(rest, env);
  if (command === 'trace') return trace(rest, env);
  const { values: options, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      development: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      sub: { type: 'string' },
      role: { type: 'string' },
      rooms: { type: 'string' },
      ttl: { type: 'string', default: '3600' },
    },
  });
  const [verb = 'start'] = positionals;
  if (!['start', 'token'].includes(verb))
    throw new UsageError(`Unknown command: ${verb}; see --help`);
  if (options.help) return print(options.markdown ? helpMarkdown() : helpText());
  if (verb === 'token') return print(tokenFor(options, env));
  if (options.development) Object.assign(env, inDevelopment(env)); // workers inherit it
  await start(env, options.development);
}

class UsageError extends Error {}

/** Exits 0 if every check passes, 1 if one fails, 2 for invalid arguments. */
async function check(args: string[], env: Environment): Promise<void> {
  const options = parseCheck(args, () => signingKey(env, 'check needs JWT_SECRET or --token-file'));
  const { runCheck } = await import('./cli/check/check.ts').catch(explainMissing);
  const { reportJson, reportText } = await import('./cli/check/table.ts');
  const report = await runCheck(options);
  print(options.json ? reportJson(report) : reportText(report));
  process.exitCode = report.ok ? 0 : 1;
}

/** Exits 0 if the trace ended or was stopped, 1 if it failed, 2 for invalid arguments. */
async function trace(args: string[], env: Environment): Promise<void> {
  const options = parseTrace(args, env);
  const stop = new AbortController();
  for (const signal of Object.keys(signals)) process.once(signal, () => stop.abort());
  process.stdout.on('error', () => stop.abort()); // a pipe whose reader has gone
  const note = (sentence: string) => void process.stderr.write(`${sentence}\n`);
  await runTrace(options, { print, note }, stop.signal);
}

/** The client is no dependency of the service; the image contains it bundled into one file. */
function explainMissing(error: NodeJS.ErrnoException): never {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  throw new UsageError('check needs socket.io-client: npm install --no-save socket.io-client@4.8');
}

async function start(env: Environment, isDevelopment: boolean): Promise<void> {
  const config = parseConfig(env);
  const log = createLog(config.logLevel, config.podName);
  surviveRejections(log);
  const tokens = isDevelopment ? readyMadeTokens(config.jwtSecret) : [];
  const reread = hasFiles(env, secrets) ? () => parseConfig(env) : undefined;
  const given = { tokens, reread };
  if (cluster.isWorker) {
    for (const signal of Object.keys(signals)) process.on(signal, () => {}); // for the primary
    const app = await serve(config, log, given);
    drainAfterException(app, config, log);
    return serveAsWorker(app, process, () => process.exit(0));
  }
  const pod = config.workers > 1 ? startPrimary(config, log) : await serve(config, log, given);
  cluster.on('exit', (_, code) => {
    if (code === unfitCode && !pod.readiness().ready) process.exit(code);
  });
  const onError = (error: unknown) => log.error({ err: error }, 'operations request failed');
  const operations = createOperations({ ...pod, onError });
  superviseShutdown(operations, pod, log);
  drainAfterException(pod, config, log);
  const operationsPort = await listen(operations, config.operationsPort, config.host);
  const port = await pod.listen();
  log.info({ port, operationsPort, workers: config.workers }, 'listening');
  if (isDevelopment) print(welcomeText({ ...config, port, operationsPort, tokens }));
}

async function serve(...parts: Parameters<typeof createApp>): Promise<App> {
  const app = await createApp(...parts);
  app.started.catch(end);
  return app;
}

/** Graceful shutdown on SIGTERM or SIGINT: drain, close, exit 0. A second signal exits at once. */
function superviseShutdown(
  operations: Parameters<typeof createTerminus>[0],
  pod: Pod,
  log: Log,
): void {
  let signalled = false;
  for (const [signal, number] of Object.entries(signals)) {
    process.on(signal, () => {
      if (signalled) process.exit(128 + number);
      signalled = true;
    });
  }
  createTerminus(operations, {
    signals: Object.keys(signals),
    useExit0: true, // PID 1 cannot end itself with a signal
    timeout: operationsStopMsMax,
    beforeShutdown: pod.drain, // terminus would cut every connection before onSignal
    onSignal: pod.close,
    logger: (message, error) => log.error({ err: error }, message),
  });
}

/** Logs an unhandled rejection, for example in a user's module, instead of ending the process. */
function surviveRejections(log: Log): void {
  process.on('unhandledRejection', (err) =>
    log.error({ err, handler: currentHandler() }, 'unhandled rejection'),
  );
}

/**
 * Ends the process after an exception in a callback, which may have left anything half done: it
 * stops being ready, moves its clients to peers and exits with code 1.
 */
function drainAfterException(
  { drain, close }: Pick<Pod, 'drain' | 'close'>,
  { endpointDelayMs, drainMsMax }: Config,
  log: Log,
): void {
  let failed = false;
  process.on('uncaughtException', async (err) => {
    log.error({ err, handler: currentHandler() }, 'uncaught exception; draining, then exiting');
    if (failed) return;
    failed = true;
    setTimeout(() => process.exit(1), endpointDelayMs + drainMsMax + closeMsMax).unref();
    await drain()
      .then(close)
      .catch(() => {}); // in any state, it must end
    process.exit(1);
  });
}

function tokenFor(
  options: { sub?: string; role?: string; rooms?: string; ttl: string },
  env: Environment,
): string {
  const { secret, algorithm, ...issued } = signingKey(env, 'token needs JWT_SECRET');
  const { sub, role, rooms } = options;
  if (!sub) throw new UsageError('token needs --sub USER');
  const ttlSeconds = Number(options.ttl);
  if (!(ttlSeconds > 0)) throw new UsageError('--ttl must be a number of seconds above 0');
  const chosen = { ...(role && { role }), ...(rooms && { rooms: rooms.split(',') }) };
  return mintToken(secret, { sub, ...chosen, ...issued }, ttlSeconds, algorithm);
}

/** The signing key, and the claims that the service requires. */
function signingKey(env: Environment, missing: string) {
  const isGiven = env.JWT_SECRET || hasFiles(env, ['JWT_SECRET']);
  const config = isGiven ? parseConfig(env) : undefined;
  if (!config?.jwtSecret)
    throw new UsageError(
      `${missing}; with JWT_PUBLIC_KEY or JWT_JWKS_URL, your issuer signs tokens`,
    );
  const { jwtSecret: secret, jwtIssuer: iss, jwtAudience: aud, jwtAlgorithms } = config;
  return { secret, algorithm: jwtAlgorithms[0], ...(iss && { iss }), ...(aud && { aud }) };
}

function print(text: string): void {
  process.stdout.write(`${text.trimEnd()}\n`);
}

function end(error: Error & { code?: string; port?: number }): void {
  const expected =
    error instanceof ConfigError ||
    error instanceof UsageError ||
    error instanceof BadUsage ||
    error instanceof RedisUnfit ||
    error instanceof TraceFailed ||
    error instanceof Unreachable ||
    error.code?.startsWith('ERR_PARSE_ARGS') ||
    error.code === 'EADDRINUSE';
  process.stderr.write(`${expected ? sentenceOf(error) : inspect(error)}\n`);
  const code = error instanceof BadUsage ? 2 : 1;
  process.exit(error instanceof RedisUnfit ? unfitCode : code);
}

function sentenceOf({ message, code, port }: Parameters<typeof end>[0]): string {
  if (code === 'EADDRINUSE')
    return `Port ${port} is in use: set PORT or OPERATIONS_PORT to another`;
  // `parseArgs` adds advice on positional arguments that start with a dash.
  const [problem, advice] = message.split('. To specify a positional argument');
  return advice ? `${problem}; see --help` : message;
}

main(process.argv.slice(2), process.env).catch(end);
