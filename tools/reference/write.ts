// A part of `npm run docs`: writes the tables of the contract and asyncapi.yaml.
import { writeFileSync } from 'node:fs';
import { generated } from './generated.ts';

for (const [path, content] of generated()) writeFileSync(path, content);
