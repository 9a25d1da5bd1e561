/**
 * The comparison with other tools: `npm run bench` runs all of it, A to H, and prints one table. `share` 0.1 takes a tenth of each data set, for a
 * quick look. Data and repositories lie in a folder of BENCH_FOLDER, or of the current folder, and are removed.
 */
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { SEED, sizesOf } from './data.ts';
import { runPeers } from './peers.ts';
import { results } from './results.ts';
import { runS3 } from './s3.ts';
import { say } from './say.ts';
import { benchSimulated } from './simulated.ts';

const OBJECTS = 1_000_000;

export async function benchAll(rounds = 5, share = 1): Promise<void> {
  await benchBeside('all', rounds, share);
  say('');
  await benchSimulated(Math.round(OBJECTS * share));
}

export async function benchBeside(which: 'all' | 'peers' | 's3', rounds = 5, share = 1): Promise<void> {
  const found = results();
  const sizes = sizesOf(share);
  say(`${new Date().toISOString().slice(0, 10)}, ${describeMachine()}`);
  say(`seed ${SEED}; medians of ${rounds}; ${share} of the data`);
  if (which !== 's3') await runPeers(found, rounds, sizes);
  if (which !== 'peers') await runS3(found, rounds, sizes);
  say('');
  for (const line of found.table()) say(line);
}

function describeMachine(): string {
  const [cpu] = cpus();
  return `${cpus().length} cores (${cpu?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB of memory, ${platform()} ${release()} ${arch()}, Node ${process.version}`;
}
