/** Wiring: the plan file and the adapters become the ports that the operations use. */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import type { Catalogue } from '../catalogue/catalogue.ts';
import { InvalidInputError } from '../core/errors.ts';
import type { Secret } from '../core/keyring.ts';
import { getPlan, getVaultConfig, type HoldfastConfig } from '../core/plan.ts';
import type { Clock, EventPublisher, Metrics, Ports, Target, WorkPlace } from '../core/ports.ts';
import { parseUri } from '../core/uri.ts';
import { fileSource } from '../sources/files.ts';
import { s3Source } from '../sources/s3.ts';
import { type S3Clients, s3Clients } from './clients.ts';
import { makeSandbox } from './sandboxes.ts';
import { openVault } from './vaults.ts';

export interface WiringOptions {
  readonly config: HoldfastConfig;
  readonly catalogue: Catalogue;
  readonly work: WorkPlace;
  /** Asked when a vault is opened. */
  readonly secret: () => Promise<Secret>;
  readonly events: EventPublisher;
  readonly metrics: Metrics;
  readonly progress?: Ports['progress'];
  readonly clock?: Clock;
  readonly randomBytes?: Ports['randomBytes'];
  /** The clients of this process, unless it has some already. */
  readonly s3?: S3Clients;
  /** In a Lambda function a directory is no place: what is written there is gone with the function. */
  readonly runsIn?: 'lambda';
  /** URIs of places for sandboxes, after the plan's own; the system's folder for temporary files unless given. */
  readonly sandboxes?: readonly string[];
}

/** The ports of this process. Vaults, sources and targets are opened at their first use, once each. */
export function wirePorts(options: WiringOptions): Ports {
  const { config, catalogue } = options;
  const random = options.randomBytes ?? randomBytes;
  const s3 = options.s3 ?? s3Clients(process.env);
  const reachable = (what: string, uri: string) => {
    if (options.runsIn === 'lambda' && parseUri(uri).scheme === 'file')
      throw new InvalidInputError(
        `${what} is the directory ${uri}, which a Lambda function cannot reach; run the plan with holdfast run where the directory is`,
      );
  };
  const openVaultOnce = oncePerKey((name) => openVault(name, { config, s3, secret: options.secret }));
  const sandboxes = options.sandboxes ?? [`file://${tmpdir()}`];
  const openPlaceOnce = oncePerKey((uri) => openPlace(uri, s3));
  return {
    clock: options.clock ?? { now: () => new Date() },
    randomBytes: random,
    config,
    openVault: async (name) => {
      reachable(`vault "${name}"`, getVaultConfig(config, name).url);
      return openVaultOnce(name);
    },
    openSource: (uri) => {
      reachable('the source', uri);
      return openPlaceOnce(uri);
    },
    openTarget: (uri) => {
      reachable('the target', uri);
      return openPlaceOnce(uri);
    },
    openSandbox: ({ uri, plan }, id) => {
      const own = getPlan(config, plan).verify.sandbox;
      return makeSandbox(uri, id, {
        places: [...(own === undefined ? [] : [own]), ...sandboxes],
        openTarget: (place) => openPlace(place, s3),
        suffix: random(4).toString('hex'),
      });
    },
    work: options.work,
    leases: catalogue.leases,
    runs: catalogue.runs,
    recoveryPoints: catalogue.recoveryPoints,
    proofs: catalogue.proofs,
    contentIndex: catalogue.contentIndex,
    events: options.events,
    metrics: options.metrics,
    progress: options.progress ?? (() => {}),
  };
}

function openPlace(text: string, s3: S3Clients): Target {
  const uri = parseUri(text);
  return uri.scheme === 'file' ? fileSource(uri.path) : s3Source(s3(), uri);
}

/** Makes each key's value once; a promise that failed is forgotten, so that the next call tries again. */
export function oncePerKey<Value>(make: (key: string) => Value): (key: string) => Value {
  const made = new Map<string, Value>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    made.set(key, value);
    if (value instanceof Promise) value.catch(() => made.delete(key));
    return value;
  };
}
