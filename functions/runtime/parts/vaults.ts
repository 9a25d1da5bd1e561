/** The vaults of the plan, as far as a Lambda function reaches them, opened with the key that is the function's own. */
import { SSMClient } from '@aws-sdk/client-ssm';
import type { VaultConfig } from '../../core/plan.ts';
import type { BlobStore } from '../../core/ports.ts';
import { parseVaultUri } from '../../core/uri.ts';
import { CLIENT_DEFAULTS } from '../clients.ts';
import { ownMeter } from '../meter.ts';
import { oncePerKey } from '../once-per-key.ts';
import { readSecret } from '../parameter-key.ts';
import { s3VaultStore } from '../s3-vault-store.ts';
import { vaultOpener } from '../vaults.ts';
import { refuseDirectory } from './directories.ts';
import { part } from './part.ts';
import { packagedPlan } from './plan.ts';

export const vaults = part(
  ['LAMBDA_TASK_ROOT', 'HOLDFAST_KEY_PARAMETER'],
  async ({ LAMBDA_TASK_ROOT, HOLDFAST_KEY_PARAMETER }) => {
    const config = await packagedPlan(LAMBDA_TASK_ROOT);
    const ssm = ownMeter.watch(new SSMClient(CLIENT_DEFAULTS));
    const secretIn = oncePerKey((parameter) => readSecret(ssm, parameter));
    return { openVault: vaultOpener({ config, openStore, secret: () => secretIn(HOLDFAST_KEY_PARAMETER) }) };
  },
);

function openStore({ url, region }: VaultConfig): BlobStore {
  const uri = parseVaultUri(url);
  switch (uri.scheme) {
    case 's3':
      return s3VaultStore(uri, region);
    case 'file':
      return refuseDirectory(uri);
  }
}
