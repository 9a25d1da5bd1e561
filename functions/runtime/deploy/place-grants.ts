/** What a function may do to sources, targets and sandboxes, of whatever kinds they are. */
import type { HoldfastConfig } from '../../core/plan.ts';
import { policyOf, type Statement } from './cloudformation.ts';
import { exportsOf, ofKind, type ReachedPlace, sandboxesOf, sourcesOf } from './deployed-plan.ts';
import { listFunctions, readFunctions, type WriteFunctions, writeFunctions } from './lambda-grants.ts';
import { charactersOf, MANAGED_POLICY_CHARACTERS } from './limits.ts';
import { listParameters, readParameters, writeParameters } from './parameter-grants.ts';
import { readSettings, readSources, writeTargets } from './s3-grants.ts';
import { listSecrets, readSecrets, writeSecrets } from './secret-grants.ts';
import { exportTables, readTables, useSandboxTables, writeTables } from './table-grants.ts';

/** The names of all that verifications make beside S3, and remove again; nothing of anybody else is called so. */
export const SANDBOXES = [
  { scheme: 'dynamodb', table: 'holdfast-sandbox-*' },
  { scheme: 'ssm', prefix: '/holdfast-sandbox/' },
  { scheme: 'secretsmanager', prefix: 'holdfast-sandbox/' },
] as const satisfies readonly ReachedPlace[];

/** One policy's statements on places of one kind. */
export interface Grant {
  readonly kind: ReachedPlace['scheme'];
  readonly statements: readonly Statement[];
}

type Granting = {
  readonly [Kind in ReachedPlace['scheme']]: (
    places: readonly Extract<ReachedPlace, { scheme: Kind }>[],
  ) => readonly Statement[];
};

/** As many grants of each kind as it takes, so that each fits into a managed policy; of S3 one, which goes into the role. */
function grantsOn(places: readonly ReachedPlace[], granting: Granting): readonly Grant[] {
  const of = <Kind extends ReachedPlace['scheme']>(kind: Kind) => packed(kind, ofKind(kind, places), granting[kind]);
  const inS3 = ofKind('s3', places);
  return [
    ...(inS3.length === 0 ? [] : [{ kind: 's3', statements: granting.s3(inS3) } as const]),
    ...of('dynamodb'),
    ...of('ssm'),
    ...of('secretsmanager'),
    ...of('lambda'),
  ];
}

function packed<Place>(
  kind: Grant['kind'],
  places: readonly Place[],
  granting: (places: readonly Place[]) => readonly Statement[],
): readonly Grant[] {
  const packs: Place[][] = [];
  for (const place of places) {
    const pack = packs.at(-1);
    if (pack === undefined || charactersOf(policyOf(granting([...pack, place]))) > MANAGED_POLICY_CHARACTERS)
      packs.push([place]);
    else pack.push(place);
  }
  return packs.map((pack) => ({ kind, statements: granting(pack) })).filter(({ statements }) => statements.length > 0);
}

/** Lists sources and reads what they are besides their entries; tables, which list in an order of their own, it reads whole. */
export const inventorySources = (config: HoldfastConfig): readonly Grant[] => [
  ...grantsOn(sourcesOf(config), {
    s3: (places) => [...readSources(places), ...readSettings(places)],
    dynamodb: readTables,
    ssm: () => listParameters,
    secretsmanager: () => listSecrets,
    lambda: (places) => listFunctions(places),
  }),
  ...packed('dynamodb', exportsOf(config), exportTables),
];

/** Reads the entries of sources. */
export const snapshotSources = (config: HoldfastConfig): readonly Grant[] =>
  grantsOn(sourcesOf(config), {
    s3: readSources,
    // What the inventory read of a table stands in the work place.
    dynamodb: () => [],
    ssm: readParameters,
    secretsmanager: readSecrets,
    lambda: readFunctions,
  });

/** Restores into sandboxes for the sources of the plans. A function has none: it is verified by the hash of its code. */
export function useSandboxes(config: HoldfastConfig): readonly Grant[] {
  const kinds = new Set(sourcesOf(config).map(({ scheme }) => scheme));
  const own = SANDBOXES.filter(({ scheme }) => kinds.has(scheme));
  return grantsOn([...sandboxesOf(config), ...own], {
    s3: (places) => writeTargets(places, { settings: false }),
    dynamodb: useSandboxTables,
    ssm: writeParameters,
    secretsmanager: (places) => writeSecrets(places, { settings: false }),
    lambda: () => [],
  });
}

/** Restores into targets. */
export const restoreInto = (targets: readonly ReachedPlace[], options: WriteFunctions): readonly Grant[] =>
  grantsOn(targets, {
    s3: (places) => writeTargets(places, { settings: true }),
    dynamodb: writeTables,
    ssm: writeParameters,
    secretsmanager: (places) => writeSecrets(places, { settings: true }),
    lambda: (places) => writeFunctions(places, options),
  });
