import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { deployment } from '../../functions/runtime/deploy/deployment.ts';
import { type Packaged, packageService, ROOT } from './package.ts';
import { planFile, STACK } from './plans.ts';

const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

let packaged: Packaged;
beforeAll(async () => {
  packaged = await packageService();
}, 180_000);
afterAll(() => packaged?.remove());

const KEPT = 'kept';
const REMOVED = 'removed';
const resourceSchema = z.object({ Type: z.string(), DeletionPolicy: z.string().optional() });
const templateSchema = z.object({ Resources: z.record(z.string(), resourceSchema) });

/** `AWS::S3::Bucket kept` → how many, over the templates of the stack and of its vaults in other regions. */
function created(): Record<string, number> {
  const names = readdirSync(packaged.folder).filter((name) =>
    /^cloudformation-template-(update-stack|vaults-.*)\.json$/.test(name),
  );
  const counts: Record<string, number> = {};
  for (const name of names) {
    const template = templateSchema.parse(JSON.parse(readFileSync(join(packaged.folder, name), 'utf8')));
    for (const { Type, DeletionPolicy } of Object.values(template.Resources)) {
      const row = `${Type} ${DeletionPolicy === 'Retain' ? KEPT : REMOVED}`;
      counts[row] = (counts[row] ?? 0) + 1;
    }
  }
  return counts;
}

it('README tells everything that a deployment creates, how many, and what stays when the stack is removed', () => {
  const rows = [...README.matchAll(/^\| .+ \| `(AWS::[\w:]+)` \| (\d+) \| (kept|removed)\b.*\|$/gm)];
  const told = Object.fromEntries(rows.map(([, type, count, fate]) => [`${type} ${fate}`, Number(count)]));
  expect(rows.length).toBe(Object.keys(told).length);
  expect(told).toEqual(created());
});

it('README tells how many alarms ten sources with a replica and both objectives have', () => {
  const sources = Array.from({ length: 10 }, (_, n) => `"s3://source-${n}/"`).join(', ');
  const config = planFile(`
vaults:
  main: { url: "s3://the-vault" }
  far: { url: "s3://the-far-vault" }
plans:
  app: { sources: [${sources}], vault: main, replicateTo: [far], objectives: { rpo: 90m, rto: 4h } }`);
  const alarms = Object.values(deployment(config, STACK).Resources).filter(
    ({ Type }) => Type === 'AWS::CloudWatch::Alarm',
  );
  const [, told] = /alarms: (\d+) of 0\.10 USD/.exec(README) ?? [];
  expect(Number(told)).toBe(alarms.length);
});
