// `npm run chart`: writes the schemas and the reference of the values anew.
import { writeFileSync } from 'node:fs';
import { generated } from './generated.ts';

for (const [file, content] of generated()) writeFileSync(file, content);
