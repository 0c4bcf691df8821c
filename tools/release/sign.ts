// Signatures by cosign: with the workflow's identity, or in a dry run with a key of its own.
import { join } from 'node:path';
import { Problem } from '../problem.ts';
import { isInstalled, run } from './run.ts';

/** @returns a function that signs what a registry holds under a digest */
export function signatures(folder: string, dry: boolean): (reference: string) => void {
  if (!isInstalled('cosign')) {
    if (!dry) throw new Problem('cosign is needed: https://docs.sigstore.dev/cosign');
    return (reference) => console.log(`not signed, cosign is not installed: ${reference}`);
  }
  if (!dry) return (reference) => void run('cosign', ['sign', '--yes', reference]);
  const env = { COSIGN_PASSWORD: '' };
  const key = join(folder, 'dry-run');
  run('cosign', ['generate-key-pair', '--output-key-prefix', key], { env });
  const local = ['--allow-insecure-registry', '--allow-http-registry'];
  return (reference) => {
    const sign = ['sign', '--key', `${key}.key`, '--tlog-upload=false', '--yes', ...local];
    run('cosign', [...sign, reference], { env });
    const verify = ['verify', '--key', `${key}.pub`, '--insecure-ignore-tlog', ...local];
    run('cosign', [...verify, reference], { env });
  };
}
