// An OpenTelemetry collector, over OTLP/HTTP as JSON.
import manifest from '../../../package.json' with { type: 'json' };
import type { Config } from '../../config/schema.ts';
import type { Report } from '../errors.ts';
import type { Sent } from './exporter.ts';
import { type Span, toOtlp } from './otlp.ts';

const answerMsMax = 5_000;
const passing = [429, 502, 503, 504]; // what the specification says to try again

/** @param endpoint the collector's base address */
export function collectorAt(endpoint: string, config: Config, report: Report) {
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const { version } = manifest;
  const headers = { 'Content-Type': 'application/json', ...config.otelExporterOtlpHeaders };
  const resource = {
    'service.name': config.otelServiceName,
    'service.version': version,
    'service.instance.id': config.podName,
  };
  return async (spans: Span[]): Promise<Sent> => {
    const body = JSON.stringify(toOtlp(spans, resource, { name: 'mooring', version }));
    const signal = AbortSignal.timeout(answerMsMax);
    try {
      const { status, ok } = await post(url, { method: 'POST', headers, body, signal });
      if (ok) return 'done';
      report('trace_export', new Error(`the collector answered ${status}`));
      return passing.includes(status) ? 'later' : 'refused';
    } catch (error) {
      report('trace_export', error);
      return 'later';
    }
  };
}

/** The body is read, so that the connection can be used again. */
async function post(url: string, request: RequestInit): Promise<Response> {
  const response = await fetch(url, request);
  await response.arrayBuffer();
  return response;
}
