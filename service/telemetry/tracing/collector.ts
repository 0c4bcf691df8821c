// Sends spans to an OpenTelemetry collector, as JSON over OTLP/HTTP.
import manifest from '../../../package.json' with { type: 'json' };
import type { Config } from '../../config/schema.ts';
import type { Report } from '../errors.ts';
import type { Sent } from './exporter.ts';
import { type Span, toOtlp } from './otlp.ts';

const answerMsMax = 5_000;
const retryable = [429, 502, 503, 504]; // by the OTLP specification

/** @param endpoint the base URL of the collector */
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
      return retryable.includes(status) ? 'later' : 'refused';
    } catch (error) {
      report('trace_export', error);
      return 'later';
    }
  };
}

/** Reads the body so that the connection can be reused. */
async function post(url: string, request: RequestInit): Promise<Response> {
  const response = await fetch(url, request);
  await response.arrayBuffer();
  return response;
}
