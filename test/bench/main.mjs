// `npm run bench -- NAME [ARGUMENTS]`: campaigns that take too long for a test, and that measure what no test may assert.
import { onCapableNode } from '../../functions/local/own-node.mjs';

await onCapableNode(import.meta.url, async () => {
  const { benchTables } = await import('./tables.ts');
  const [name, ...args] = process.argv.slice(2);
  const size = args[0] === undefined ? undefined : Number(args[0]);
  if (name === 'tables' && !Number.isNaN(size)) await benchTables(size);
  else {
    console.error(`"${[name, ...args].filter(Boolean).join(' ')}" is no campaign; say npm run bench -- tables [items]`);
    process.exitCode = 2;
  }
});
