/** A to F: Holdfast beside its peers, each on the same data on the same disk, in turn. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { changeOnePercent, insertInto, type Sizes, writeHugeFile, writeLargeFiles, writeSmallFiles } from './data.ts';
import { bytesBelow, measure, settleDisk } from './measure.ts';
import type { Results } from './results.ts';
import { say } from './say.ts';
import { findTools, type Tool } from './tools.ts';

/** What all scenarios share. */
interface Bench {
  readonly folder: string;
  readonly tools: readonly Tool[];
  readonly sizes: Sizes;
  readonly rounds: number;
  readonly results: Results;
}

export async function runPeers(results: Results, rounds: number, sizes: Sizes): Promise<void> {
  const folder = mkdtempSync(join(process.env.BENCH_FOLDER ?? process.cwd(), 'holdfast-bench-'));
  const tools = findTools();
  const bench: Bench = { folder, tools, sizes, rounds, results };
  for (const { name, version, lacks } of tools) say(`${name}: ${version}${lacks === '' ? '' : ` (${lacks})`}`);
  try {
    await smallFiles(bench);
    await largeFiles(bench);
    await hugeFile(bench);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A, C, D, and F of A. */
async function smallFiles(bench: Bench): Promise<void> {
  const source = join(bench.folder, 'a');
  writeSmallFiles(source, bench.sizes);
  for (let round = 0; round < bench.rounds; round += 1) {
    await prepare(bench, source);
    await backUp(bench, 'A', source, round);
    weigh(bench, 'A');
    await backUp(bench, 'C', source, round);
    changeOnePercent(source, bench.sizes, round);
    await backUp(bench, 'D', source, round);
    await restore(bench, 'F of A', source, round);
  }
  rmSync(source, { recursive: true });
}

/** B, and F of B. */
async function largeFiles(bench: Bench): Promise<void> {
  const source = join(bench.folder, 'b');
  writeLargeFiles(source, bench.sizes);
  for (let round = 0; round < bench.rounds; round += 1) {
    await prepare(bench, source);
    await backUp(bench, 'B', source, round);
    weigh(bench, 'B');
    await restore(bench, 'F of B', source, round);
  }
  rmSync(source, { recursive: true });
}

/** E: the huge file as it was, and again with insertions. */
async function hugeFile(bench: Bench): Promise<void> {
  const source = join(bench.folder, 'e');
  const [before, after] = [join(bench.folder, 'e-before'), join(bench.folder, 'e-after')];
  writeHugeFile(before, bench.sizes);
  insertInto(before, after, bench.sizes);
  mkdirSync(source);
  const place = (from: string): void => renameSync(join(from, 'database.img'), join(source, 'database.img'));
  const takeBack = (to: string): void => renameSync(join(source, 'database.img'), join(to, 'database.img'));
  // Long enough ago that nobody has to wait for the next tick of the disk's clock.
  const old = Date.now() / 1000 - 3600;
  utimesSync(join(after, 'database.img'), old + 60, old + 60);
  for (let round = 0; round < bench.rounds; round += 1) {
    place(before);
    await prepare(bench, source);
    await backUp(bench, 'E first', source, round);
    takeBack(before);
    place(after);
    await backUp(bench, 'E', source, round);
    weigh(bench, 'E');
    await restore(bench, 'F of E', source, round);
    takeBack(after);
  }
  for (const one of [source, before, after]) rmSync(one, { recursive: true });
}

const repositoryOf = (bench: Bench, tool: Tool): string => join(bench.folder, `repository-${tool.name}`);

async function prepare(bench: Bench, source: string): Promise<void> {
  for (const tool of bench.tools) {
    const repository = repositoryOf(bench, tool);
    rmSync(repository, { recursive: true, force: true });
    await tool.prepare(repository, source);
  }
}

/** All tools, one after the other, beginning with another one each round. */
async function inTurn(bench: Bench, round: number, act: (tool: Tool) => Promise<void>): Promise<void> {
  for (const [index] of bench.tools.entries()) {
    const tool = bench.tools[(index + round) % bench.tools.length];
    if (tool === undefined) continue;
    await settleDisk();
    await act(tool);
  }
}

async function backUp(bench: Bench, scenario: string, source: string, round: number): Promise<void> {
  await inTurn(bench, round, async (tool) => {
    bench.results.add(scenario, tool.name, await measure(tool.backup(repositoryOf(bench, tool), source)));
  });
}

function weigh(bench: Bench, scenario: string): void {
  for (const tool of bench.tools)
    bench.results.addStored(scenario, tool.name, bytesBelow(tool.stored(repositoryOf(bench, tool))));
}

/** What is restored must be what was backed up, or the figure is worth nothing. */
async function restore(bench: Bench, scenario: string, source: string, round: number): Promise<void> {
  const to = join(bench.folder, 'restored');
  await inTurn(bench, round, async (tool) => {
    const command = await tool.restore(repositoryOf(bench, tool), source, to);
    bench.results.add(scenario, tool.name, await measure(command));
    if (round === 0) await measure({ program: 'diff', args: ['-r', '-q', source, to] });
    rmSync(to, { recursive: true });
  });
}
