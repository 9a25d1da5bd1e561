import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError, InvalidInputError, NotFoundError } from '../../functions/core/errors.ts';
import { formatKeyFile } from '../../functions/runtime/key-file.ts';
import { readSecret } from '../../functions/runtime/parameter-key.ts';

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
