// `npm run bench [-- NAME NUMBERS]`: campaigns that take too long for a test, and that measure what no test may assert.
import { onCapableNode } from '../../functions/local/own-node.mjs';

/** What each campaign takes, and what runs it. */
const CAMPAIGNS = {
  all: { takes: '[rounds] [share]', run: async (...numbers) => (await import('./beside.ts')).benchAll(...numbers) },
  billion: { takes: '[objects]', run: async (...numbers) => (await import('./billion.ts')).benchBillion(...numbers) },
  peers: {
    takes: '[rounds] [share]',
    run: async (...numbers) => (await import('./beside.ts')).benchBeside('peers', ...numbers),
  },
  s3: {
    takes: '[rounds] [share]',
    run: async (...numbers) => (await import('./beside.ts')).benchBeside('s3', ...numbers),
  },
  sharding: {
    takes: '[keys] [entries of a shard]',
    run: async (...numbers) => (await import('./sharding.ts')).benchSharding(...numbers),
  },
  simulated: {
    takes: '[objects]',
    run: async (...numbers) => (await import('./simulated.ts')).benchSimulated(...numbers),
  },
  tables: { takes: '[items]', run: async (...numbers) => (await import('./tables.ts')).benchTables(...numbers) },
};

await onCapableNode(import.meta.url, async () => {
  const [name = 'all', ...args] = process.argv.slice(2);
  const campaign = Object.hasOwn(CAMPAIGNS, name) ? CAMPAIGNS[name] : undefined;
  const numbers = args.map(Number);
  if (campaign === undefined || numbers.some(Number.isNaN)) {
    const known = Object.entries(CAMPAIGNS).map(([one, { takes }]) => `npm run bench -- ${one} ${takes}`);
    console.error(`"${[name, ...args].join(' ')}" is no campaign; say one of\n${known.join('\n')}`);
    process.exitCode = 2;
    return;
  }
  await campaign.run(...numbers);
});
