// What is generated of docs/reference: path to content, as it must be.
import { readFileSync } from 'node:fs';
import { asyncApiDocument } from './asyncapi.ts';
import { withSections } from './contract.ts';

const contract = 'docs/reference/contract.md';

export const generated = (): Map<string, string> =>
  new Map([
    [contract, withSections(readFileSync(contract, 'utf8'))],
    ['docs/reference/asyncapi.yaml', asyncApiDocument()],
  ]);
