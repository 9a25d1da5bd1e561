/** The framework deploys nothing when nothing has changed, which it tells by the template and by the bytes of every package. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FUNCTION_NAMES } from '../../functions/runtime/deploy/function-names.ts';
import { type Packaged, packageService } from './package.ts';

let first: Packaged;
let second: Packaged;
beforeAll(async () => {
  first = await packageService();
  second = await packageService();
}, 300_000);
afterAll(() => {
  first?.remove();
  second?.remove();
});

const files = (ending: string) => readdirSync(first.folder).filter((file) => file.endsWith(ending));
const sha256 = (folder: string, file: string) =>
  createHash('sha256')
    .update(readFileSync(join(folder, file)))
    .digest('hex');
/** A template's text, but for the time in the folder that the framework uploads to, which it does not compare either. */
const template = (folder: string, file: string) =>
  readFileSync(join(folder, file), 'utf8').replace(/\/\d{13}-\d{4}-\d\d-\d\dT[\d:.]+Z\//g, '/TIME/');

it('packages every function into the same bytes', () => {
  expect(files('.zip').sort()).toEqual(FUNCTION_NAMES.map((name) => `${name}.zip`).sort());
  for (const file of files('.zip')) expect(sha256(second.folder, file)).toBe(sha256(first.folder, file));
});

it('writes the same templates, of the vaults in other regions too', () => {
  const templates = files('.json').filter((file) => file.startsWith('cloudformation-template-'));
  expect(templates.length).toBeGreaterThan(2);
  for (const file of templates) expect(template(second.folder, file)).toBe(template(first.folder, file));
});
