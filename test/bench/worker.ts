/**
 * One call of one task in a process of its own, as Lambda makes it, over the plan file, key, catalogue and work place of the current folder: what it has of
 * memory at most is then one worker's. Takes the task's name, and its input as JSON; prints its output. `count-chunks` prints how many chunks the packs hold.
 */
import { join } from 'node:path';
import { readPackDirectory } from '../../functions/core/pack.ts';
import type { Ports } from '../../functions/core/ports.ts';
import { openLocalCatalogue } from '../../functions/local/local-catalogue.ts';
import { KEY_FILE_NAME, readKeyFile } from '../../functions/local/secrets.ts';
import { readPlanFile, STATE_FOLDER } from '../../functions/local/session.ts';
import { localTasks } from '../../functions/local/tasks.ts';
import { workPlaceIn } from '../../functions/runtime/local-places.ts';
import { wirePorts } from '../../functions/runtime/wiring.ts';

const [name = '', input = '{}'] = process.argv.slice(2);
const folder = process.cwd();
const config = await readPlanFile(join(folder, 'holdfast.yml'));
const opened = await openLocalCatalogue(config, join(folder, STATE_FOLDER, 'catalogue'));
try {
  const ports = wirePorts({
    config,
    catalogue: opened.catalogue,
    work: workPlaceIn(join(folder, STATE_FOLDER, 'work')),
    secret: () => readKeyFile(join(folder, KEY_FILE_NAME)),
    events: { publish: async () => {} },
    metrics: { put: () => {} },
  });
  const tasks = localTasks(ports, {
    before: () => {},
    // What a Lambda call has, less what it keeps to write down what was done.
    deadline: () => deadlineIn(14 * 60_000),
    failed: () => {},
  });
  const task =
    name === 'count-chunks' ? () => countChunks(ports) : Object.entries(tasks).find(([one]) => one === name)?.[1];
  if (task === undefined) throw new Error(`there is no task ${name}`);
  console.log(JSON.stringify(await task(JSON.parse(input))));
} finally {
  await opened.close();
}

function deadlineIn(millis: number) {
  const end = performance.now() + millis;
  return { remainingMillis: () => end - performance.now() };
}

async function countChunks(ports: Ports): Promise<number> {
  const vault = await ports.openVault('primary');
  let chunks = 0;
  for await (const { name: blob } of vault.store.list('packs/')) {
    const packId = blob.split('/').at(-1) ?? '';
    chunks += readPackDirectory(vault.keys, packId, await vault.store.get(blob)).length;
  }
  return chunks;
}
