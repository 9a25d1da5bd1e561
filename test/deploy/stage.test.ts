import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { deployment } from '../../functions/runtime/deploy/deployment.ts';
import { assertStage } from '../../functions/runtime/deploy/stage.ts';
import { type Packaged, packageService, spell } from './package.ts';
import { onePlan, STACK } from './plans.ts';

const LONGEST = `${'x'.repeat(18)}-${'Y9'.repeat(10)}`;

describe('a stage', () => {
  it.each(['dev', 'prod', 'Prod-2', '1', LONGEST])('may be %s', (stage) => {
    expect(() => assertStage({ service: 'holdfast', stage })).not.toThrow();
  });

  it.each(['', 'a_b', 'a.b', 'a/b', 'a b', 'a*', 'prod\n', 'größe', `${LONGEST}z`])('cannot be %j', (stage) => {
    expect(() => assertStage({ service: 'holdfast', stage })).toThrow(InvalidInputError);
  });

  it('that cannot be is refused before anything is deployed, with the longest that can', () => {
    expect(() => deployment(onePlan(), { ...STACK, stage: `${LONGEST}z` })).toThrow(
      /cannot be a stage, because names such as holdfast-STAGE-commit-snapshot.*64 characters; choose one of at most 39 of/,
    );
  });
});

describe('everything that carries the longest stage', () => {
  let packaged: Packaged;
  beforeAll(async () => {
    packaged = await packageService([`--stage=${LONGEST}`]);
  }, 180_000);
  afterAll(() => packaged?.remove());

  /** How long a name may be, and of what (API references: CreateFunction, CreateStateMachine, PutRule, PutMetricAlarm, CreateLogGroup, PutParameter, CreateTopic). */
  const TAKEN: Readonly<Record<string, RegExp>> = {
    FunctionName: /^[A-Za-z0-9_-]{1,64}$/,
    StateMachineName: /^[A-Za-z0-9_-]{1,80}$/,
    AlarmName: /^.{1,255}$/,
    LogGroupName: /^[A-Za-z0-9_/.#-]{1,512}$/,
    DisplayName: /^.{1,100}$/,
    // An event bus or a parameter.
    Name: /^[A-Za-z0-9_./-]{1,256}$/,
  };

  it('has a name that AWS takes', () => {
    const names = Object.entries(packaged.template.Resources).flatMap(([id, { Properties }]) =>
      Object.entries(Properties)
        .filter(([property, value]) => /Name$/.test(property) && spell(value).includes(LONGEST))
        .map(([property, value]) => ({ id, property, name: spell(value) })),
    );
    expect(new Set(names.map(({ property }) => property))).toEqual(new Set(Object.keys(TAKEN)));
    expect(names.filter(({ property, name }) => TAKEN[property]?.test(name) !== true)).toEqual([]);
  });

  it('holds one that is as long as can be', () => {
    expect(JSON.stringify(packaged.template)).toMatch(new RegExp(`"FunctionName":"holdfast-${LONGEST}-[a-z-]{15}"`));
    expect(`holdfast-${LONGEST}-commit-snapshot`).toHaveLength(64);
  });

  it('is in a stack whose name, and that of the vaults in other regions, CloudFormation takes', () => {
    for (const name of [`holdfast-${LONGEST}`, `holdfast-${LONGEST}-vaults`])
      expect(name).toMatch(/^[A-Za-z][A-Za-z0-9-]{0,127}$/);
  });
});
