export interface SideBySide {
  /** Begins as soon as less than the limit is under way, and returns then. A failure surfaces with the next call, when all that is under way has ended. */
  start(work: () => Promise<void>): Promise<void>;
  /** Returns when all that was begun has ended. */
  done(): Promise<void>;
}

/** Work without an order of its own, of which no more than `limit` pieces are under way. See `mapInOrder` for results in a stream's order. */
export function sideBySide(limit: number): SideBySide {
  const underWay = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const done = async (): Promise<void> => {
    await Promise.all(underWay);
    if (failures.length > 0) throw failures[0];
  };
  return {
    done,
    async start(work) {
      if (failures.length > 0) await done();
      while (underWay.size >= limit) await Promise.race(underWay);
      const running = work()
        .catch((error: unknown) => void failures.push(error))
        .finally(() => underWay.delete(running));
      underWay.add(running);
    },
  };
}
