/** Without a bus, events are lines of JSON in a file. */
import { appendFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, EventPublisher } from '../core/ports.ts';

/** Appends each event as `{ time, source: "holdfast", type, detail }`. */
export function eventsFile(path: string, clock: Clock): EventPublisher {
  return {
    async publish(events) {
      if (events.length === 0) return;
      const time = clock.now().toISOString();
      const lines = events.map((event) => `${JSON.stringify({ time, source: 'holdfast', ...event })}\n`);
      await mkdir(dirname(path), { recursive: true });
      await appendFile(path, lines.join(''));
    },
  };
}
