// Generates docs/reference/values.md.
import { flatten, type Value } from './values.ts';

export interface Section {
  title: string;
  /** Before the names, e.g. `redis.` for those of the subchart. */
  prefix: string;
  values: Value[];
}

export function referenceOf(sections: Section[]): string {
  const parts = sections.map(({ title, prefix, values }) => {
    const rows = flatten(values).flatMap((value) => rowOf(value, prefix));
    const head = '| value | default | description |\n|---|---|---|';
    return `## ${title}\n\n${head}\n${rows.join('\n')}\n`;
  });
  return `# Values of the chart

Generated from the commented \`values.yaml\` files by \`make generate\`; a test compares them. Helm
refuses values that are not listed here and invalid combinations, with a message that says what to
change. All values are optional. Most installs set these three:

\`\`\`yaml
exposure: { host: chat.example.com, tls: { enabled: true, secretName: chat-tls } }
config: { CORS_ORIGINS: https://app.example.com, PAGE: "off" }
autoscaling: { min: 2, max: 10 }
\`\`\`

${parts.join('\n')}`;
}

function rowOf({ path, description, children, fallback, schema }: Value, prefix: string): string[] {
  if (children && !description) return [];
  const options = (schema.enum as string[] | undefined)?.map((option) => `\`${option}\``);
  const unsaid = options?.some((option) => !description.includes(option));
  const choices = unsaid ? ` One of ${options?.join(', ')}.` : '';
  const shown = children || fallback === '' ? '' : `\`${JSON.stringify(fallback)}\``;
  const cells = [`\`${prefix}${path.join('.')}\``, shown, `${description}${choices}`];
  return [`| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`];
}
