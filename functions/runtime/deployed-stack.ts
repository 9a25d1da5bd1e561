/** The stack `holdfast-<stage>` of the account and region that the SDK finds, looked at from outside: which it is, its machines, its catalogue. */
import { ListStateMachinesCommand, type SFNClient } from '@aws-sdk/client-sfn';
import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { translateAwsError } from '../core/aws-errors.ts';
import { InvalidInputError, NotFoundError } from '../core/errors.ts';

export interface DeployedStack {
  /**
   * The name of the table that holds the stack's catalogue.
   * @throws NotFoundError (not deployed here), InvalidInputError (several stages and none named)
   */
  catalogueTable(): Promise<string>;
  /** The ARN of a machine by its name in `statemachines/`. @throws as `catalogueTable` */
  machineArn(machine: string): Promise<string>;
}

/** @param stage may be undefined where the account and region have one only. */
export function deployedStack(
  clients: { readonly sfn: SFNClient; readonly ssm: SSMClient },
  stage: string | undefined,
): DeployedStack {
  let listing: Promise<ReadonlyMap<string, string>> | undefined;
  const machines = () => {
    listing ??= listMachines(clients.sfn);
    return listing;
  };
  const chosenStage = async () => stage ?? onlyStage(await machines());
  return {
    async catalogueTable() {
      const chosen = await chosenStage();
      return readParameter(clients.ssm, `/holdfast/${chosen}/catalogue`, chosen);
    },
    async machineArn(machine) {
      const chosen = await chosenStage();
      const name = `holdfast-${chosen}-${machine}`;
      const arn = (await machines()).get(name);
      if (arn === undefined) throw new NotFoundError(`there is no state machine ${name} ${whereToLook(chosen)}`);
      return arn;
    },
  };
}

/** The ARNs of the machines whose names begin as Holdfast's do, by name. */
async function listMachines(client: SFNClient): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  let nextToken: string | undefined;
  do {
    const page = await listPage(client, nextToken);
    for (const { name, stateMachineArn } of page.stateMachines ?? [])
      if (name?.startsWith('holdfast-') && stateMachineArn !== undefined) found.set(name, stateMachineArn);
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return found;
}

async function listPage(client: SFNClient, nextToken: string | undefined) {
  try {
    return await client.send(new ListStateMachinesCommand({ maxResults: 1000, nextToken }));
  } catch (error) {
    throw translateAwsError(error, 'Step Functions: looking for the stages that are deployed');
  }
}

/** Every stack has a machine `backup`; other names may be somebody else's. */
function onlyStage(machines: ReadonlyMap<string, string>): string {
  const stages = [...machines.keys()].flatMap((name) => /^holdfast-(.+)-backup$/.exec(name)?.[1] ?? []).sort();
  const [first, ...others] = stages;
  if (first === undefined) throw new NotFoundError(`there is no stack holdfast-<stage> ${whereToLook('<stage>')}`);
  if (others.length > 0)
    throw new InvalidInputError(`several stages are deployed; set HOLDFAST_STAGE to one of ${stages.join(', ')}`);
  return first;
}

async function readParameter(client: SSMClient, parameter: string, stage: string): Promise<string> {
  try {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: parameter }));
    if (Parameter?.Value) return Parameter.Value;
  } catch (error) {
    if (!(error instanceof Error && error.name === 'ParameterNotFound'))
      throw translateAwsError(error, `parameter ${parameter}: reading the name of the catalogue's table`);
  }
  throw new NotFoundError(
    `there is no parameter ${parameter}, which names the catalogue of stage "${stage}", ${whereToLook(stage)}`,
  );
}

const whereToLook = (stage: string): string =>
  `in this account and region; check HOLDFAST_STAGE and AWS_REGION, or deploy with npx serverless deploy --stage ${stage}`;
