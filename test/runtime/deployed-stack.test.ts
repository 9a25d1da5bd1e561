import { ListStateMachinesCommand, SFNClient } from '@aws-sdk/client-sfn';
import { GetParameterCommand, ParameterNotFound, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { describe, expect, it } from 'vitest';
import { AccessDeniedError, InvalidInputError, NotFoundError } from '../../functions/core/errors.ts';
import { deployedStack } from '../../functions/runtime/deployed-stack.ts';

const arnOf = (name: string) => `arn:aws:states:eu-west-1:123456789012:stateMachine:${name}`;
const listed = (names: readonly string[]) =>
  names.map((name) => ({ name, stateMachineArn: arnOf(name), type: 'STANDARD' as const, creationDate: new Date(0) }));

const OF_PROD = ['holdfast-prod-backup', 'holdfast-prod-verify'];

/** The account, its machines on pages. */
function account(stage: string | undefined, ...pages: (readonly string[])[]) {
  const sfn = new SFNClient({ region: 'eu-west-1' });
  const ssm = new SSMClient({ region: 'eu-west-1' });
  const machines = mockClient(sfn);
  const parameters = mockClient(ssm);
  for (const [index, names] of pages.entries()) {
    const token = index === 0 ? {} : { nextToken: `page ${index}` };
    const next = index + 1 < pages.length ? { nextToken: `page ${index + 1}` } : {};
    machines
      .on(ListStateMachinesCommand, { maxResults: 1000, nextToken: undefined, ...token })
      .resolves({ stateMachines: listed(names), ...next });
  }
  parameters
    .on(GetParameterCommand)
    .rejects(new ParameterNotFound({ $metadata: { httpStatusCode: 400 }, message: '' }))
    .on(GetParameterCommand, { Name: '/holdfast/prod/catalogue' })
    .resolves({ Parameter: { Value: 'holdfast-CatalogueTable-1' } });
  return { machines, parameters, stack: deployedStack({ sfn, ssm }, stage) };
}

const failureOf = async (work: Promise<unknown>): Promise<Error> => {
  const [settled] = await Promise.allSettled([work]);
  if (settled?.status !== 'rejected') throw new Error('it did not fail');
  return settled.reason;
};

describe('the catalogue of a stack', () => {
  it('is the table that the parameter of the only stage names, on whatever page its machines stand', async () => {
    const { stack, parameters } = account(undefined, ['other', 'holdfast-demo-unrelated'], OF_PROD);
    expect(await stack.catalogueTable()).toBe('holdfast-CatalogueTable-1');
    expect(parameters.commandCalls(GetParameterCommand).map((call) => call.args[0].input)).toEqual([
      { Name: '/holdfast/prod/catalogue' },
    ]);
  });

  it('is found without a look at the machines when the stage is named', async () => {
    const { stack, machines } = account('prod');
    expect(await stack.catalogueTable()).toBe('holdfast-CatalogueTable-1');
    expect(machines.commandCalls(ListStateMachinesCommand)).toHaveLength(0);
  });

  it('that is not there is named with what to look at', async () => {
    const failure = await failureOf(account('dev').stack.catalogueTable());
    expect(failure).toBeInstanceOf(NotFoundError);
    expect(failure.message).toBe(
      'there is no parameter /holdfast/dev/catalogue, which names the catalogue of stage "dev", in this account and region; check HOLDFAST_STAGE and AWS_REGION, or deploy with npx serverless deploy --stage dev',
    );
  });

  it('that may not be looked for is a refusal', async () => {
    const { stack, parameters } = account('prod');
    parameters
      .on(GetParameterCommand, { Name: '/holdfast/prod/catalogue' })
      .rejects(
        Object.assign(new Error('not authorized to perform: ssm:GetParameter'), { name: 'AccessDeniedException' }),
      );
    const failure = await failureOf(stack.catalogueTable());
    expect(failure).toBeInstanceOf(AccessDeniedError);
    expect(failure.message).toContain('parameter /holdfast/prod/catalogue: reading the name');
  });
});

describe('the stage', () => {
  it('is not guessed where several are deployed', async () => {
    const failure = await failureOf(
      account(undefined, ['holdfast-prod-backup', 'holdfast-dev-eu-backup']).stack.catalogueTable(),
    );
    expect(failure).toBeInstanceOf(InvalidInputError);
    expect(failure.message).toBe('several stages are deployed; set HOLDFAST_STAGE to one of dev-eu, prod');
  });

  it.each(['catalogueTable', 'machineArn'] as const)(
    'that is not there is asked for by deploying (%s)',
    async (what) => {
      const failure = await failureOf(account(undefined, ['other']).stack[what]('backup'));
      expect(failure).toBeInstanceOf(NotFoundError);
      expect(failure.message).toMatch(
        /there is no stack holdfast-<stage> .* AWS_REGION, or deploy with npx serverless deploy/,
      );
    },
  );

  it('that may not be looked for is a refusal', async () => {
    const { stack, machines } = account(undefined, OF_PROD);
    machines
      .on(ListStateMachinesCommand)
      .rejects(Object.assign(new Error('no'), { name: 'AccessDeniedException', $metadata: {} }));
    await expect(stack.catalogueTable()).rejects.toThrow(AccessDeniedError);
  });
});

describe('a machine of a stack', () => {
  it('is that of the stage that is named, and the list is read once', async () => {
    const { stack, machines } = account(
      'dev-eu',
      ['holdfast-prod-backup', 'holdfast-dev-eu-backup'],
      ['holdfast-dev-eu-verify'],
    );
    expect(await stack.machineArn('backup')).toBe(arnOf('holdfast-dev-eu-backup'));
    expect(await stack.machineArn('verify')).toBe(arnOf('holdfast-dev-eu-verify'));
    expect(machines.commandCalls(ListStateMachinesCommand)).toHaveLength(2);
  });

  it('that the stack does not have is named', async () => {
    await expect(account(undefined, OF_PROD).stack.machineArn('drill')).rejects.toThrow(
      'there is no state machine holdfast-prod-drill in this account and region; check HOLDFAST_STAGE',
    );
  });
});
