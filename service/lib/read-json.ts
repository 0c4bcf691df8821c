// Reads what others may have written: JSON of an expected shape.
import type { z } from 'zod';

/** Returns `undefined` if the text is no JSON, or has another shape. */
export function readJson<S extends z.ZodType>(schema: S, text: string): z.output<S> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
