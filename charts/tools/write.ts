// Writes the files that are generated from the charts' values, or, with `k8s`, the manifests of
// k8s/.
import { writeFileSync } from 'node:fs';
import { generated } from './generated.ts';
import { manifestFiles } from './manifests.ts';

const files = process.argv[2] === 'k8s' ? manifestFiles() : generated();
for (const [file, content] of files) writeFileSync(file, content);
