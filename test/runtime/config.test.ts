import { expect, it } from 'vitest';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { readEnvironment } from '../../functions/runtime/config.ts';

const environment = { HOLDFAST_CATALOGUE_TABLE: 'catalogue', HOLDFAST_EVENT_BUS: '', HOME: '/root' };

it('reads the variables that are asked for, and no others', () => {
  expect(readEnvironment(environment, ['HOLDFAST_CATALOGUE_TABLE'])).toEqual({ HOLDFAST_CATALOGUE_TABLE: 'catalogue' });
  expect(readEnvironment(environment, [])).toEqual({});
});

it('names every variable that is missing or empty, at once', () => {
  const read = () =>
    readEnvironment(environment, [
      'HOLDFAST_EVENT_BUS',
      'HOLDFAST_CATALOGUE_TABLE',
      'HOLDFAST_WORK_BUCKET',
      'HOLDFAST_EVENT_BUS',
    ]);
  expect(read).toThrow(InvalidInputError);
  expect(read).toThrow('incomplete: HOLDFAST_EVENT_BUS is empty; HOLDFAST_WORK_BUCKET is not set; deploy it again');
});
