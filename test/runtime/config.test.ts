import { expect, it } from 'vitest';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { readLambdaConfig } from '../../functions/runtime/config.ts';

const environment = {
  HOLDFAST_STAGE: 'prod',
  HOLDFAST_CATALOGUE_TABLE: 'catalogue',
  HOLDFAST_WORK_BUCKET: 'work',
  HOLDFAST_EVENT_BUS: 'bus',
  LAMBDA_TASK_ROOT: '/var/task',
};

it('reads the environment of a function', () => {
  expect(readLambdaConfig({ ...environment, HOLDFAST_KEY_PARAMETER: '/holdfast/key' })).toEqual({
    stage: 'prod',
    planFile: '/var/task/holdfast.yml',
    catalogueTable: 'catalogue',
    workBucket: 'work',
    keyParameter: '/holdfast/key',
    eventBus: 'bus',
  });
});

it('takes the plan file that it is told of', () => {
  expect(readLambdaConfig({ ...environment, HOLDFAST_CONFIG: 'plans/prod.yml' }).planFile).toBe(
    '/var/task/plans/prod.yml',
  );
  expect(readLambdaConfig({ ...environment, HOLDFAST_CONFIG: '/opt/holdfast.yml' }).planFile).toBe('/opt/holdfast.yml');
});

it('lets a function be without a key', () => {
  expect(readLambdaConfig(environment).keyParameter).toBeUndefined();
});

it('names every variable that is missing or empty, at once', () => {
  const read = () =>
    readLambdaConfig({ HOLDFAST_STAGE: 'prod', HOLDFAST_CATALOGUE_TABLE: '', HOLDFAST_EVENT_BUS: 'bus' });
  expect(read).toThrow(InvalidInputError);
  expect(read).toThrow('HOLDFAST_CATALOGUE_TABLE is empty; HOLDFAST_WORK_BUCKET is not set');
});
