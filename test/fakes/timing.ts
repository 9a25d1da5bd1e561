/** Time that passes only by sleeping, at once. */
export function fakeTiming() {
  let now = 0;
  const slept: number[] = [];
  return {
    /** Each sleep, in milliseconds. */
    slept,
    nowMillis: () => now,
    sleep: async (millis: number, signal?: AbortSignal) => {
      signal?.throwIfAborted();
      slept.push(millis);
      now += millis;
    },
  };
}
