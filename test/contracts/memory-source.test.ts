import { memoryTarget } from '../fakes/memory-source.ts';
import { describeTarget } from './source.ts';

describeTarget('the source in memory', async () => {
  const uri = 'file:///memory';
  return {
    uri,
    target: memoryTarget(uri),
    attributes: (_, version) => ({ type: 'object', version }),
    dispose: async () => {},
  };
});
