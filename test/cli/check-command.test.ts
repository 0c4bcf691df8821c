// `mooring check` as users run it: its output and its exit status.
import { execFile } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parseCheck } from '../../service/cli/check/options.ts';
import { surroundings } from '../harness/processes.ts';
import { secret, startApp, untilReady } from '../harness/service.ts';

const key = { secret, algorithm: 'HS256' };

/** The command as users run it. */
function run(args: string[], env: Record<string, string> = { JWT_SECRET: secret }) {
  return new Promise<{ status: unknown; output: string; errors: string }>((resolve) => {
    const command = ['service/main.ts', 'check', ...args];
    const options = { env: { ...surroundings(), ...env } };
    execFile(process.execPath, command, options, (error, output, errors) =>
      resolve({ status: error ? error.code : 0, output, errors }),
    );
  });
}

describe('the command', () => {
  it('exits 0 with a table when every check passes, with issuer and audience', async () => {
    const issued = { JWT_ISSUER: 'me', JWT_AUDIENCE: 'chat', JWT_ALGORITHMS: 'HS512' };
    const { url, operationsUrl } = await startApp(issued);
    await untilReady(operationsUrl);
    const env = { JWT_SECRET: secret, ...issued };
    const { status, output } = await run([url, '--quick', '--times', '4'], env);
    expect(output).toMatch(/^ {2}ok +polling +4 of 4/m);
    expect(output).toMatch(/^ {2}skipped +idle +--quick/m);
    expect(status).toBe(0);
  });

  it('exits 1 with the cause and the setting when the secret differs', async () => {
    const { url, operationsUrl } = await startApp();
    await untilReady(operationsUrl);
    const env = { JWT_SECRET: `not ${secret}` };
    const { status, output, errors } = await run([url, '--json'], env);
    expect(status).toBe(1);
    const { ok, results } = JSON.parse(output);
    expect(ok).toBe(false);
    expect(results[1]).toMatchObject({
      name: 'websocket',
      finding: 'token_refused',
      detail: expect.stringContaining('refused: invalid_token'),
      settings: { Mooring: [expect.stringContaining('JWT_SECRET')] },
    });
    expect(output + errors).not.toContain(secret);
  });

  it('exits 1 with one clear sentence when nothing is listening', async () => {
    const { status, output, errors } = await run(['http://127.0.0.1:1']);
    expect(output).toContain('nothing is listening on 127.0.0.1:1');
    expect(output).not.toMatch(/\n +at /);
    expect([status, errors]).toEqual([1, '']);
  });

  it('exits 1 when it cannot read the cluster that it was asked about', async () => {
    const env = { JWT_SECRET: secret, PATH: '/nowhere' };
    const { status, output } = await run(['http://127.0.0.1:1', '--ingress', 'chat/mooring'], env);
    expect(output).toMatch(/^ {2}FAILS +ingress +kubectl is not installed here$/m);
    expect(status).toBe(1);
  });

  it.each([
    [[], 'check needs one URL'],
    [['example.com'], 'example.com is not a URL'],
    [['http://a', '--times', '0'], '--times must be a whole number from 1 to 200'],
    [['http://a', '--token', 'x', '--token-file', 'y'], 'use only one'],
    [['http://a', '--token-file', '/nowhere'], '--token-file cannot be read'],
    [['http://a', '--header', 'X-Pass'], '--header must be "NAME: VALUE", not "X-Pass"'],
    [['http://a', '--header', 'host: b'], 'give the host in URL, and --connect-to its address'],
    [['http://a', '--ingress', 'mooring'], '--ingress must be NAMESPACE/NAME'],
    [['http://a', '--unknown'], "Unknown option '--unknown'"],
  ])('explains what is wrong with %j', (args, sentence) => {
    expect(() => parseCheck(args, () => key)).toThrow(sentence);
  });

  it('exits 2 without a token and without a secret', async () => {
    const { status, output, errors } = await run(['http://127.0.0.1:1'], {});
    expect(errors).toContain('JWT_SECRET');
    expect([status, output]).toEqual([2, '']);
  });
});
