// The handler that the running code comes from, also in timers and callbacks that it has started.
import { AsyncLocalStorage } from 'node:async_hooks';

const storage = new AsyncLocalStorage<string>();

/** Runs a handler under its name. */
export const inHandler = <T>(name: string, run: () => T): T => storage.run(name, run);

/** Its name; `undefined` outside of handlers. */
export const currentHandler = (): string | undefined => storage.getStore();
