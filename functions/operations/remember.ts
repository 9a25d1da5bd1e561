/** Chunks and contents of a worker remembered for dedup; about 200 bytes each. */
const REMEMBERED = 100_000;

/** Adds to a map that forgets all it holds rather than grow without bound. */
export function remember<V>(map: Map<string, V>, key: string, value: V): void {
  if (map.size >= REMEMBERED) map.clear();
  map.set(key, value);
}
