import type { SourceState } from '../core/catalogue-records.ts';
import type { SourceId } from '../core/ids.ts';
import type { Ports } from '../core/ports.ts';

/** What the catalogue says of a source as a whole; undefined when nothing was recorded of it yet. */
export async function findSourceState(
  sourceId: SourceId,
  ports: Pick<Ports, 'recoveryPoints'>,
): Promise<SourceState | undefined> {
  let found: SourceState | undefined;
  for await (const state of ports.recoveryPoints.listStates()) if (state.sourceId === sourceId) found = state;
  return found;
}
