import { expect, it } from 'vitest';
import { userFolder } from '../../functions/local/main.ts';

it.each([
  [
    'a script of its own started by npm',
    { npm_package_name: 'holdfast', npm_lifecycle_event: 'holdfast', INIT_CWD: '/typed' },
    '/typed',
  ],
  [
    'its demonstration started by npm',
    { npm_package_name: 'holdfast', npm_lifecycle_event: 'start', INIT_CWD: '/typed' },
    '/typed',
  ],
  [
    'a test that starts the command',
    { npm_package_name: 'holdfast', npm_lifecycle_event: 'test', INIT_CWD: '/typed' },
    process.cwd(),
  ],
  [
    "another package's script",
    { npm_package_name: 'app', npm_lifecycle_event: 'start', INIT_CWD: '/typed' },
    process.cwd(),
  ],
  ['npx', { npm_package_name: 'holdfast', npm_lifecycle_event: 'npx', INIT_CWD: '/typed' }, process.cwd()],
  ['no npm at all', {}, process.cwd()],
])('the command works in the folder where the user typed: %s', (_, env, folder) => {
  expect(userFolder(env)).toBe(folder);
});
