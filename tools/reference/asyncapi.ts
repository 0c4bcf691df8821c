// docs/reference/asyncapi.yaml: the events of a client as AsyncAPI 3.0, from their definitions.
import { stringify } from 'yaml';
import { z } from 'zod';
import {
  type ClientEvent,
  messageSchema,
  type ServerEvent,
} from '../../service/protocol/events.ts';
import { connectRefusalCodes, requestRefusalCodes } from '../../service/protocol/refusals.ts';
import { clientEventsOf, type NamespaceName, namespaces, serverEventsOf } from './events.ts';
import { isNothing, type JsonSchema, schemaOf } from './schema.ts';

const channelIds: Record<NamespaceName, string> = { '/': 'root', '/admin': 'admin' };

const refusalSchema = z.object({
  ok: z.literal(false),
  error: z.object({
    code: z.enum(requestRefusalCodes),
    message: z.string(),
    retryable: z.boolean(),
  }),
});

const connectErrorSchema = z.object({
  message: z.string(),
  data: z.object({ code: z.enum(connectRefusalCodes), retryable: z.boolean() }),
});

const message = JSON.stringify(schemaOf(messageSchema, 'output'));

/** The one argument of an event, or all of several. */
function argumentsOf({ schema }: ServerEvent): JsonSchema {
  const all = schemaOf(schema, 'output');
  const { items } = all;
  return Array.isArray(items) && items.length === 1 ? (items[0] as JsonSchema) : all;
}

function acknowledgementOf({ answer }: ClientEvent): JsonSchema {
  const granted = (answer ?? z.object({})).extend({ ok: z.literal(true) });
  return { oneOf: [schemaOf(granted, 'output'), { $ref: '#/components/schemas/Refusal' }] };
}

function messagesOf(namespace: NamespaceName) {
  const sent = clientEventsOf(namespace).flatMap((event) => [
    [
      event.name,
      {
        name: event.name,
        summary: event.description,
        payload: isNothing(event.schema) ? { type: 'null' } : schemaOf(event.schema, 'input'),
      },
    ],
    [
      `${event.name}.acknowledgement`,
      { summary: `The acknowledgement of ${event.name}.`, payload: acknowledgementOf(event) },
    ],
  ]);
  const got = serverEventsOf(namespace).map((event) => [
    event.name,
    { name: event.name, summary: event.description, payload: argumentsOf(event) },
  ]);
  const connectError = { $ref: '#/components/messages/connect_error' };
  return Object.fromEntries([...sent, ...got, ['connect_error', connectError]]);
}

/** From the side of the service, as AsyncAPI has it: it receives what clients send. */
function operationsOf(namespace: NamespaceName) {
  const id = channelIds[namespace];
  const channel = { $ref: `#/channels/${id}` };
  const message = (name: string) => ({ $ref: `#/channels/${id}/messages/${name}` });
  const received = clientEventsOf(namespace).map(({ name, description, perSecondMax }) => [
    `${id}.${name}`,
    {
      action: 'receive',
      channel,
      summary: description,
      messages: [message(name)],
      reply: { channel, messages: [message(`${name}.acknowledgement`)] },
      ...(perSecondMax !== undefined && { 'x-per-second-max': perSecondMax }),
    },
  ]);
  const names = [...serverEventsOf(namespace).map(({ name }) => name), 'connect_error'];
  const sent = names.map((name) => [
    `${id}.${name}`,
    { action: 'send', channel, messages: [message(name)] },
  ]);
  return Object.fromEntries([...received, ...sent]);
}

/** Repeats no message: it is a schema with a name. */
function withReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withReferences);
  if (typeof value !== 'object' || value === null) return value;
  if (JSON.stringify(value) === message) return { $ref: '#/components/schemas/Message' };
  const parts = Object.entries(value).map(([key, part]) => [key, withReferences(part)]);
  return Object.fromEntries(parts);
}

export function describeEvents() {
  const operations = Object.assign({}, ...namespaces.map(operationsOf));
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Mooring: events of clients',
      version: '1',
      description:
        'Events of Socket.IO protocol 5 over Engine.IO 4. A channel is a namespace; each is ' +
        'connected to with `auth: { token }`, a JWT. An acknowledgement is optional: without one ' +
        'a refusal arrives as the event `error`. A payload is the only argument of its event, or ' +
        'the list of all arguments.',
    },
    defaultContentType: 'application/json',
    servers: {
      mooring: { host: 'mooring.example.com', pathname: '/socket.io/', protocol: 'wss' },
    },
    channels: Object.fromEntries(
      namespaces.map((namespace) => [
        channelIds[namespace],
        { address: namespace, messages: withReferences(messagesOf(namespace)) },
      ]),
    ),
    operations,
    components: {
      schemas: {
        Message: schemaOf(messageSchema, 'output'),
        Refusal: schemaOf(refusalSchema, 'output'),
      },
      messages: {
        connect_error: {
          name: 'connect_error',
          summary: 'The connect to the namespace is refused, for good.',
          payload: schemaOf(connectErrorSchema, 'output'),
        },
      },
    },
  };
}

const header = '# Generated by `make generate` from the definitions of events.\n';

export const asyncApiDocument = (): string =>
  header + stringify(describeEvents(), { aliasDuplicateObjects: false });
