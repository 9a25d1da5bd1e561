import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { usageSchema } from '../../functions/core/usage.ts';
import { holdfast, newFolder } from '../local/holdfast.ts';
import { type CountingProxy, startCountingProxy } from './counting-proxy.ts';
import { awsEnv, judge } from './judge.ts';
import { type Emulator, startMoto } from './services.ts';

let moto: Emulator;
let proxy: CountingProxy;
beforeAll(async () => {
  moto = await startMoto();
  proxy = await startCountingProxy(moto.endpoint);
});
afterAll(async () => {
  await proxy?.stop();
  await moto?.stop();
});

const isList = (one: string): boolean => one.includes('list-type=2');

/** What the meter counted of a run is what passed on the wire. */
function expectCounted(run: { readonly usage?: unknown }, all: readonly string[]): void {
  const usage = usageSchema.parse(run.usage);
  expect(usage.s3Writes).toBe(all.filter((one) => /^(PUT|POST)/.test(one) || isList(one)).length);
  expect(usage.s3Reads).toBe(all.filter((one) => /^(GET|HEAD)/.test(one) && !isList(one)).length);
  expect(usage.s3Deletes ?? 0).toBe(all.filter((one) => one.startsWith('DELETE')).length);
}

/** The requests of an incremental of an unchanged bucket of `objects` objects. */
async function unchangedRun(objects: number): Promise<{ readonly source: string[]; readonly vault: string[] }> {
  const folder = newFolder();
  const [source, vault] = [`source-${objects}`, `vault-${objects}`];
  await judge(moto.endpoint, 'make', source, vault);
  await judge(moto.endpoint, 'many', source, String(objects));
  const plan = `vaults:\n  primary: { url: "s3://${vault}/" }\nplans:\n  app:\n    sources: ["s3://${source}/"]\n    vault: primary\n    verify: { after: never }\n`;
  writeFileSync(join(folder, 'holdfast.yml'), plan);
  const env = awsEnv(proxy.endpoint);
  const initiated = await holdfast(folder, ['init', '--yes'], env);
  expect(initiated.code, initiated.stderr).toBe(0);
  proxy.taken();
  const first = await holdfast(folder, ['run', 'app', '--kind', 'full', '--json'], env);
  expect(first.code, first.stderr).toBe(0);
  expectCounted(JSON.parse(first.stdout.toString()).run, proxy.taken());
  const ended = await holdfast(folder, ['run', 'app', '--kind', 'incremental', '--json'], env);
  expect(ended.code, ended.stderr).toBe(0);
  const taken = proxy.taken();
  const { run } = JSON.parse(ended.stdout.toString());
  expectCounted(run, taken);
  return {
    source: taken.filter((one) => one.includes(`/${source}`)),
    vault: taken.filter((one) => one.includes(`/${vault}`)),
  };
}

// The settings of a bucket are probed with a listing of one key.
const isListing = (one: string): boolean => isList(one) && !/max-keys=1(&|$)/.test(one);

describe('an incremental of an unchanged bucket', () => {
  it('sends the requests of the listing and a constant, reads no content and writes no pack', async () => {
    const [small, large] = [await unchangedRun(1000), await unchangedRun(3001)];
    expect(small.source.filter(isListing)).toHaveLength(1);
    expect(large.source.filter(isListing)).toHaveLength(4);
    const others = (requests: readonly string[]): string[] =>
      requests
        .filter((one) => !isListing(one))
        .map((one) => one.replace(/-\d+/, '').replace(/[0-9a-f]{64}|[0-9a-f]{16}|\d{8}T\S+|\/[0-9a-f]{2}\//g, ''))
        .sort();
    expect(others(large.source)).toEqual(others(small.source));
    expect(others(large.vault)).toEqual(others(small.vault));
    // No object of the source is read: what is asked besides the listing is about the bucket.
    for (const one of large.source) expect(one).not.toMatch(/GetObject$/);
    expect(large.vault.filter((one) => one.startsWith('PUT')).map((one) => one.split('/')[2])).toEqual(['manifests']);
  });
});
