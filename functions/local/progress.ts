/** One line on the terminal that is redrawn as work proceeds; where standard error is no terminal, nothing. */
import type { Ports } from '../core/ports.ts';
import type { Sink } from './console.ts';
import { counted, plain, shorten, showBytes } from './figures.ts';

type Tick = Parameters<Ports['progress']>[0];

/** Ten times a second is smooth to the eye; more would only cost. */
const REDRAW_MILLIS = 100;
/** Where the terminal does not say: some say 0. */
const DEFAULT_COLUMNS = 80;

export interface Progress {
  /** Whether anybody sees it. */
  readonly visible: boolean;
  /** The `progress` port: counts of the current step so far. */
  readonly tick: (tick: Tick) => void;
  /** Shows a line about work that is done elsewhere. */
  readonly show: (text: string) => void;
  /** Removes the line, so that a result can be written where it stood. */
  clear(): void;
}

/** @param millis the time now, in milliseconds, from any fixed origin. */
export function progressLine(sink: Sink, millis: () => number): Progress {
  if (sink.isTTY !== true) return { visible: false, tick: () => {}, show: () => {}, clear: () => {} };
  let step = '';
  let startedAt = 0;
  let drawnAt = Number.NEGATIVE_INFINITY;
  let drawn = false;
  const draw = (text: string) => {
    drawn = true;
    sink.write(`\r\x1b[2K${shorten(text, (sink.columns || DEFAULT_COLUMNS) - 1)}`);
  };
  return {
    visible: true,
    show: draw,
    tick(tick) {
      const now = millis();
      const name = `${tick.step} ${tick.source}`;
      if (name !== step) {
        step = name;
        startedAt = now;
      } else if (now - drawnAt < REDRAW_MILLIS) return;
      drawnAt = now;
      draw(progressText(tick, (now - startedAt) / 1000));
    },
    clear() {
      if (drawn) sink.write('\r\x1b[2K');
      drawn = false;
    },
  };
}

/** `take-snapshot file:///srv/data: 1,200 entries, 3.1 MiB, 1.0 MiB/s` */
export function progressText(tick: Tick, seconds: number): string {
  const parts = [counted(tick.entries, 'entry', 'entries')];
  if (tick.bytes > 0) parts.push(showBytes(tick.bytes));
  // A rate over less than a second is noise.
  if (tick.bytes > 0 && seconds >= 1) parts.push(`${showBytes(tick.bytes / seconds)}/s`);
  return `${tick.step} ${plain(tick.source)}: ${parts.join(', ')}`;
}
