// A certificate and the private authority that signed it, made by openssl.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Writes them into the folder, for a name such as `DNS:store`; their paths. */
export function createCertificates(folder: string, subjectAltName: string) {
  const path = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
  const create = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const shared = ['-nodes', '-days', '1', '-subj'];
  openssl(...create, ...shared, '/CN=authority', '-keyout', path('ca.key'), '-out', path('ca.pem'));
  const signed = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-addext'];
  const files = ['-keyout', path('key.pem'), '-out', path('cert.pem')];
  const extension = `subjectAltName=${subjectAltName}`;
  openssl(...create, ...shared, '/CN=redis', ...signed, extension, ...files);
  return { authority: path('ca.pem'), certificate: path('cert.pem'), key: path('key.pem') };
}
