/** Brings the versions of a secret that is there to what they should be. */
import { randomUUID } from 'node:crypto';
import {
  PutSecretValueCommand,
  type SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { isKeyRefusal, nameOf, sendWithheld } from '../withheld-words.ts';
import { CURRENT, type SecretVersion, sameValue, valueInput } from './content.ts';
import { describeSecret, type Stages, stagesOf } from './read.ts';
import { planStages, type StageMove } from './stages.ts';

/**
 * Puts every value that is not there, each under a label of its own, and only then moves the labels: until AWSCURRENT moves, in one request, readers see
 * the old value, and from then on the new one. Returns `versionIds` where an id is taken by another value, and `stages` where a label cannot be set so.
 */
export async function writeVersions(
  client: SecretsManagerClient,
  name: string,
  wanted: readonly SecretVersion[],
  found: readonly SecretVersion[],
): Promise<readonly string[]> {
  const stages: Record<string, readonly string[]> = {};
  const notHeld: string[] = [];
  // The first version of all is AWSCURRENT whatever is asked for, so that it must be the right one.
  const currentFirst = [...wanted].sort(
    (a, b) => Number(b.stages.includes(CURRENT)) - Number(a.stages.includes(CURRENT)),
  );
  for (const [index, version] of currentFirst.entries()) {
    const id = await putVersion(client, name, version, found, `holdfast-restore-${index}`);
    if (id !== version.versionId) notHeld.push('versionIds');
    stages[id] = version.stages;
  }
  return [...notHeld, ...(await moveStages(client, name, stages))];
}

/** The id under which the value is there. */
async function putVersion(
  client: SecretsManagerClient,
  name: string,
  version: SecretVersion,
  found: readonly SecretVersion[],
  label: string,
): Promise<string> {
  const same = found.filter((one) => sameValue(one, version));
  if (same.some(({ versionId }) => versionId === version.versionId)) return version.versionId;
  const put = async (id: string): Promise<string> => {
    const input = { SecretId: name, ClientRequestToken: id, VersionStages: [label], ...valueInput(version) };
    await sendWithheld(() => client.send(new PutSecretValueCommand(input)));
    return id;
  };
  try {
    return await put(version.versionId);
  } catch (error) {
    // The id has another value, perhaps in a version that has lost its labels, or one that cannot be read.
    if (nameOf(error) !== 'ResourceExistsException' && !isKeyRefusal(error)) throw error;
    return same[0]?.versionId ?? (await put(randomUUID()));
  }
}

async function moveStages(client: SecretsManagerClient, name: string, wanted: Stages): Promise<readonly string[]> {
  const described = await describeSecret(client, name);
  let notHeld: readonly string[] = [];
  for (const move of planStages(wanted, described === undefined ? {} : stagesOf(described))) {
    try {
      await moveStage(client, name, move);
    } catch (error) {
      if (move.stage === CURRENT || !/^Invalid(Parameter|Request)Exception$/.test(nameOf(error))) throw error;
      notHeld = ['stages'];
    }
  }
  return notHeld;
}

async function moveStage(client: SecretsManagerClient, name: string, { stage, from, to }: StageMove): Promise<void> {
  const input = {
    SecretId: name,
    VersionStage: stage,
    ...(from === undefined ? {} : { RemoveFromVersionId: from }),
    ...(to === undefined ? {} : { MoveToVersionId: to }),
  };
  await sendWithheld(() => client.send(new UpdateSecretVersionStageCommand(input)));
}
