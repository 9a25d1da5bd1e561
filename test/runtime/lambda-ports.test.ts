import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AccessDeniedError, InvalidInputError, NotFoundError } from '../../functions/core/errors.ts';
import { formatKeyFile } from '../../functions/runtime/key-file.ts';
import { lambdaPorts, readSecret } from '../../functions/runtime/lambda-ports.ts';

const ssm = mockClient(SSMClient);
const client = new SSMClient({ region: 'eu-west-1' });
const key = Buffer.alloc(32, 9);

beforeEach(() => {
  ssm.reset();
});

describe('the key', () => {
  it('is read from its parameter, decrypted', async () => {
    ssm.on(GetParameterCommand).resolves({ Parameter: { Value: formatKeyFile(key) } });
    expect(await readSecret(client, '/holdfast/key')).toEqual({ type: 'keyfile', bytes: key });
    expect(ssm.commandCalls(GetParameterCommand)[0]?.args[0].input).toEqual({
      Name: '/holdfast/key',
      WithDecryption: true,
    });
  });

  it.each([
    ['ParameterNotFound', NotFoundError],
    ['AccessDeniedException', AccessDeniedError],
  ])('answers %s by an error that names the parameter', async (name, expected) => {
    ssm.on(GetParameterCommand).rejects(Object.assign(new Error('no'), { name }));
    const reading = readSecret(client, '/holdfast/key');
    await expect(reading).rejects.toThrow(expected);
    await expect(reading).rejects.toThrow('/holdfast/key');
  });

  it.each([undefined, '', 'hunter2'])('that is no key file is refused, and not shown (%s)', async (value) => {
    ssm.on(GetParameterCommand).resolves({ Parameter: { ...(value === undefined ? {} : { Value: value }) } });
    const reading = readSecret(client, '/holdfast/key');
    await expect(reading).rejects.toThrow(InvalidInputError);
    await expect(reading).rejects.toThrow('/holdfast/key');
    await expect(reading).rejects.not.toThrow('hunter2');
  });
});

describe('the ports of a function', () => {
  let folder: string;
  const environment = () => ({
    LAMBDA_TASK_ROOT: folder,
    HOLDFAST_STAGE: 'test',
    HOLDFAST_CATALOGUE_TABLE: 'catalogue',
    HOLDFAST_WORK_BUCKET: 'acme-work',
    HOLDFAST_EVENT_BUS: 'bus',
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'holdfast-lambda-'));
    vi.stubEnv('AWS_REGION', 'eu-west-1');
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });

  const plan =
    'vaults: { primary: { url: "s3://acme-vault" } }\nplans: { p: { sources: ["s3://acme/"], vault: primary } }\n';

  it('come from the plan file in its package and from its environment', async () => {
    await writeFile(join(folder, 'holdfast.yml'), plan);
    const ports = await lambdaPorts(environment());
    expect(Object.keys(ports.config.plans)).toEqual(['p']);
    expect(ports.work.url).toBe('s3://acme-work/');
    expect(() => ports.openSource('file:///srv')).toThrow(InvalidInputError);
    expect(ports.openSandbox({ uri: 's3://acme/', plan: 'p' }, 'v')?.target.uri).toMatch(
      /^s3:\/\/acme-work\/sandbox\//,
    );
  });

  it('are refused for a plan file that is wrong, by its line', async () => {
    await writeFile(join(folder, 'holdfast.yml'), plan.replace('vault: primary', 'vault: other'));
    await expect(lambdaPorts(environment())).rejects.toThrow(
      /holdfast\.yml:2:\d+: plans\.p\.vault names vault "other"/,
    );
  });

  it('are refused for an environment that is incomplete', async () => {
    await expect(lambdaPorts({ LAMBDA_TASK_ROOT: folder })).rejects.toThrow('HOLDFAST_CATALOGUE_TABLE is not set');
  });
});
