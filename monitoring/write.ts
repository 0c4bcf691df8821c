// `npm run monitoring`: writes the rules and the dashboards anew.
import { writeFileSync } from 'node:fs';
import { generated } from './generated.ts';

for (const [file, content] of generated()) writeFileSync(file, content);
