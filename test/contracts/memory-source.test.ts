import { describe } from 'vitest';
import { memoryTarget } from '../fakes/memory-source.ts';
import { describeTarget } from './source.ts';

describe.each(['file:///memory', 's3://memory/'])('in memory', (uri) => {
  describeTarget(`the source ${uri}`, async () => ({
    uri,
    target: memoryTarget(uri),
    attributes: (_, version) => ({ type: 'object', version }),
    dispose: async () => {},
  }));
});
