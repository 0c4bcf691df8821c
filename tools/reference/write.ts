// Part of `make generate`: writes the tables of the contract and asyncapi.yaml.
import { writeFileSync } from 'node:fs';
import { generated } from './generated.ts';

for (const [path, content] of generated()) writeFileSync(path, content);
