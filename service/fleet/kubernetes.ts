// The only call to the Kubernetes API: annotates the process's own pod. It patches `pods/status`,
// because permission to patch `pods` would also allow changing the image.
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

type PodConfig = Pick<Config, 'podName' | 'kubernetesServiceHost' | 'kubernetesServicePort'>;

/**
 * Returns a function that patches the annotations. It rejects if the API server refuses, cannot be
 * reached or takes longer than `msMax`, and when `signal` aborts.
 * @param folder the service account's token, namespace and CA; read on every call, because
 * Kubernetes rotates the token
 */
export function annotatePod(pod: PodConfig, folder = accountFolder, msMax = answerMsMax) {
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
      throw late.aborted ? new Error(`the API server did not answer within ${msMax} ms`) : error;
    }
  };
}

async function patch(body: string, target: RequestOptions): Promise<void> {
  const sent = request({ ...target, method: 'PATCH', agent: false });
  const answered = once(sent, 'response');
  sent.on('error', () => {}).end(body); // `answered` rejects, or the body ends early
  const [response]: IncomingMessage[] = await answered;
  if (!response) return;
  const answer = await text(response);
  if (response.statusCode === 200) return;
  throw new Error(`the API server answered ${response.statusCode} ${messageOf(answer)}`.trim());
}

/** The API server's own explanation, such as which permission is missing. */
function messageOf(answer: string): string {
  try {
    return String(JSON.parse(answer).message);
  } catch {
    return ''; // an answer from a proxy in between
  }
}
