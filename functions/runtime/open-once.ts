/** Places that are opened once in a process. */
import type { Target } from '../core/ports.ts';

/** Opens each place once for each way of reading or writing it; one that could not be opened is tried again. */
export function openOnce<Options extends object>(
  open: (uri: string, options?: Options) => Target | Promise<Target>,
): (uri: string, options?: Options) => Promise<Target> {
  const opened = new Map<string, Promise<Target>>();
  return async (uri, options) => {
    const name = JSON.stringify([uri, options ?? {}]);
    const target = opened.get(name) ?? (async () => open(uri, options))();
    opened.set(name, target);
    target.catch(() => opened.delete(name));
    return target;
  };
}
