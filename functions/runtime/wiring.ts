/** Wiring of a process outside of Lambda: the plan file and the adapters become the ports that the operations use. */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import type { Catalogue } from '../catalogue/catalogue.ts';
import type { Secret } from '../core/keyring.ts';
import type { HoldfastConfig } from '../core/plan.ts';
import type { Clock, EventPublisher, Metrics, Ports, WorkPlace } from '../core/ports.ts';
import { openPlace, openStore, removeFromAws } from './local-places.ts';
import { openOnce } from './open-once.ts';
import { sandboxOpener } from './sandboxes.ts';
import { vaultOpener } from './vaults.ts';

export interface WiringOptions {
  readonly config: HoldfastConfig;
  readonly catalogue: Catalogue;
  readonly work: WorkPlace;
  /** Asked when a vault is opened. */
  readonly secret: () => Promise<Secret>;
  readonly events: EventPublisher;
  readonly metrics: Metrics;
  /** Of whatever this process does; what the catalogue holds of the run unless given. */
  readonly usage?: Ports['usage'];
  readonly progress?: Ports['progress'];
  readonly clock?: Clock;
  readonly randomBytes?: Ports['randomBytes'];
  /** URIs of places for sandboxes, after the plan's own; the system's folder for temporary files unless given. */
  readonly sandboxes?: readonly string[];
}

/** The ports of this process. Vaults, sources and targets are opened at their first use, once each. */
export function wirePorts(options: WiringOptions): Ports {
  const { config, catalogue, secret } = options;
  const random = options.randomBytes ?? randomBytes;
  const openPlaceOnce = openOnce(openPlace);
  return {
    clock: options.clock ?? { now: () => new Date() },
    randomBytes: random,
    config,
    openVault: vaultOpener({ config, openStore, secret }),
    openSource: openPlaceOnce,
    openTarget: openPlaceOnce,
    openSandbox: sandboxOpener({
      config,
      places: options.sandboxes ?? [`file://${tmpdir()}`],
      openTarget: openPlace,
      remove: removeFromAws,
      randomBytes: random,
    }),
    work: options.work,
    leases: catalogue.leases,
    runs: catalogue.runs,
    usage: options.usage ?? catalogue.usage,
    recoveryPoints: catalogue.recoveryPoints,
    proofs: catalogue.proofs,
    contentIndex: catalogue.contentIndex,
    events: options.events,
    metrics: options.metrics,
    progress: options.progress ?? (() => {}),
  };
}
