// The one thing this service asks of Kubernetes: annotations on its own pod. They are written
// through `pods/status`, so that the right to do so is not the right to change an image.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { type RequestOptions, request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Config } from '../config/schema.ts';

const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';
const answerMsMax = 5_000;
const mergePatch = 'application/merge-patch+json';

type Pod = Pick<Config, 'podName' | 'kubernetesServiceHost' | 'kubernetesServicePort'>;

/**
 * The returned function resolves when the API server has the annotations. It rejects when that
 * refuses, cannot be reached or takes more than `msMax` milliseconds, and once `signal` aborts.
 * @param folder of the service account: its token, read anew each time since it changes by the
 * hour, namespace and authority
 */
export function annotatePod(pod: Pod, folder = accountFolder, msMax = answerMsMax) {
  const read = (name: string) => readFile(join(folder, name), 'utf8');
  return async (annotations: Record<string, string>, signal: AbortSignal): Promise<void> => {
    const [token, namespace, ca] = await Promise.all(['token', 'namespace', 'ca.crt'].map(read));
    const late = AbortSignal.timeout(msMax);
    try {
      await patch(JSON.stringify({ metadata: { annotations } }), {
        host: pod.kubernetesServiceHost,
        port: pod.kubernetesServicePort,
        path: `/api/v1/namespaces/${namespace}/pods/${pod.podName}/status?fieldManager=mooring`,
        headers: { authorization: `Bearer ${token}`, 'content-type': mergePatch },
        ca,
        signal: AbortSignal.any([signal, late]),
      });
    } catch (error) {
      throw late.aborted ? new Error(`the API server took more than ${msMax} ms`) : error;
    }
  };
}

async function patch(body: string, target: RequestOptions): Promise<void> {
  const sent = request({ ...target, method: 'PATCH', agent: false });
  const answered = once(sent, 'response');
  sent.on('error', () => {}).end(body); // `answered` rejects, or the answer ends early
  const [response]: IncomingMessage[] = await answered;
  if (!response) return;
  const answer = await text(response);
  if (response.statusCode === 200) return;
  throw new Error(`the API server answered ${response.statusCode} ${messageOf(answer)}`.trim());
}

/** Who lacks which right, as the API server says it. */
function messageOf(answer: string): string {
  try {
    return String(JSON.parse(answer).message);
  } catch {
    return ''; // of something in between
  }
}
