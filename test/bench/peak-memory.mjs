// Preloaded into a process that is measured: as its last act it says how much memory it had at most.
import { writeFileSync } from 'node:fs';

process.once('exit', () => {
  if (process.env.BENCH_PEAK !== undefined)
    writeFileSync(process.env.BENCH_PEAK, String(process.resourceUsage().maxRSS * 1024));
});
