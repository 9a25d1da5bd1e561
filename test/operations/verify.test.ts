import { describe, expect, it } from 'vitest';
import { keyFromText } from '../../functions/core/entry.ts';
import type { Target } from '../../functions/core/ports.ts';
import { fill } from '../fakes/noise.ts';
import { impatient, makeWorld, type World } from '../fakes/world.ts';

const LEVELS = ['check', 'data', 'restore'] as const;

async function filled(): Promise<World> {
  const world = makeWorld();
  fill(world);
  await world.run('full');
  world.source.put('small/002.json', 'changed');
  world.source.entries.delete(keyFromText('medium'));
  await world.run('incremental');
  return world;
}

const flip = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0x10;
  return copy;
};
type Damage = (blobs: Map<string, Buffer>, names: readonly string[]) => void;
const first = (names: readonly string[]): string => names[0] ?? '';
const bytesOf = (blobs: Map<string, Buffer>, name: string): Buffer => blobs.get(name) ?? Buffer.alloc(0);

const DAMAGES: Record<string, Damage> = {
  'a flipped bit': (blobs, names) =>
    blobs.set(first(names), flip(bytesOf(blobs, first(names)), bytesOf(blobs, first(names)).length >> 1)),
  'a flipped bit in its head': (blobs, names) => blobs.set(first(names), flip(bytesOf(blobs, first(names)), 20)),
  'a truncation': (blobs, names) => blobs.set(first(names), bytesOf(blobs, first(names)).subarray(0, -1)),
  'emptied bytes': (blobs, names) => blobs.set(first(names), Buffer.alloc(0)),
  'its absence': (blobs, names) => blobs.delete(first(names)),
  'a swap with another': (blobs, names) => {
    const [a, b] = [names[0] ?? '', names[1] ?? ''];
    const [left, right] = [bytesOf(blobs, a), bytesOf(blobs, b)];
    blobs.set(a, right).set(b, left);
  },
};

describe('verification', () => {
  for (const level of LEVELS) {
    it(`verifies an intact recovery point at level ${level}, and says what that proves`, async () => {
      const world = await filled();
      const id = await world.latest();
      expect(await world.check(id, level)).toMatchObject({ outcome: 'verified' });
      expect((await world.ports.recoveryPoints.find(id))?.verified).toMatchObject({ level, outcome: 'verified' });
      for await (const verification of world.ports.proofs.listVerifications(id)) {
        expect(verification).toMatchObject({ checkedEntries: 44, totalEntries: 44, problemCount: 0 });
        expect(verification.proves).toMatch(/^all 44 entries were/);
      }
    });

    for (const kind of ['manifests', 'segments', 'packs'] as const) {
      for (const [damage, apply] of Object.entries(DAMAGES)) {
        it(`finds ${damage} of one of the ${kind} at level ${level}, and marks the recovery point damaged`, async () => {
          const world = await filled();
          const id = await world.latest();
          const { blobs } = world.vaults.primary;
          apply(
            blobs,
            [...blobs.keys()].filter((name) => name.startsWith(`${kind}/`)),
          );
          const result = await world.check(id, level);
          expect(result.outcome).toBe('failed');
          expect(result.reason).toMatch(/pack|segment|manifests?\//);
          expect((await world.ports.recoveryPoints.find(id))?.status).toBe('damaged');
          expect(world.events.map((event) => event.type)).toEqual(
            expect.arrayContaining(['Verification Failed', 'Recovery Point Damaged']),
          );
          expect(world.metrics).toContainEqual(expect.objectContaining({ name: 'VerificationFailed', value: 1 }));
        });
      }
    }

    it(`comes to the same end at level ${level} however often it runs out of time`, async () => {
      const world = await filled();
      expect(await world.check(await world.latest(), level, impatient(3))).toMatchObject({ outcome: 'verified' });
      for await (const verification of world.ports.proofs.listVerifications(await world.latest())) {
        expect(verification).toMatchObject({ checkedEntries: 44, problemCount: 0 });
        break;
      }
    });
  }

  it('does not verify a snapshot of nothing unless the source was known to be empty', async () => {
    const [empty, emptied] = [makeWorld(), makeWorld()];
    await empty.run('full');
    expect(await empty.check(await empty.latest())).toMatchObject({ outcome: 'verified-empty' });
    fill(emptied);
    await emptied.run('full');
    emptied.source.entries.clear();
    await emptied.run('full');
    expect(await emptied.check(await emptied.latest())).toMatchObject({
      outcome: 'not-verified',
      reason: expect.stringContaining('empty'),
    });
  });

  const SANDBOX_FAULTS: Record<string, (target: Target) => Partial<Target>> = {
    'alters a byte': (target) => ({
      write: async (entry, content) => {
        const parts: Buffer[] = [];
        for await (const bytes of content) parts.push(Buffer.from(bytes));
        const all = Buffer.concat(parts);
        if (all.length > 0) all[0] = (all[0] ?? 0) ^ 1;
        return target.write(
          entry,
          (async function* () {
            yield all;
          })(),
        );
      },
    }),
    'skips an entry silently': (target) => ({
      write: async (entry, content) => (entry.key === 'large' ? [] : target.write(entry, content)),
    }),
    'loses an attribute': (target) => ({
      write: (entry, content) => target.write({ ...entry, attributes: {} }, content),
    }),
    'writes something extra': (target) => ({
      write: async (entry, content) => {
        await target
          .write({ ...entry, key: keyFromText(`${entry.key}.extra`), sha256: entry.sha256 }, (async function* () {})())
          .catch(() => []);
        if (entry.key === 'empty')
          await target.write({ ...entry, key: keyFromText('not-there-before') }, (async function* () {})());
        return target.write(entry, content);
      },
    }),
    'restores nothing': () => ({ write: async () => [] }),
  };
  for (const [fault, make] of Object.entries(SANDBOX_FAULTS)) {
    it(`fails when the way back ${fault}, without calling the vault damaged`, async () => {
      const world = await filled();
      const id = await world.latest();
      const { openSandbox } = world.ports;
      const ports = {
        ...world.ports,
        openSandbox: async (...args: Parameters<typeof openSandbox>) => {
          const sandbox = await openSandbox(...args);
          return sandbox && { ...sandbox, target: { ...sandbox.target, ...make(sandbox.target) } };
        },
      };
      const { verify } = await import('../../functions/operations/verify.ts');
      const result = await verify({ recoveryPointId: id, level: 'restore' }, ports, { remainingMillis: () => 600_000 });
      expect(result.outcome).toBe('failed');
      expect((await world.ports.recoveryPoints.find(id))?.status).toBe('available');
    });
  }

  it('samples a share of the entries, other ones each time, and says what that proves', async () => {
    const world = makeWorld({ plan: { verify: { after: 'never', level: 'data', sample: '20%' } } });
    for (let i = 0; i < 300; i += 1) world.source.put(`entry-${i}`, `content ${i}`);
    await world.run('full');
    const id = await world.latest();
    await world.check(id);
    for await (const verification of world.ports.proofs.listVerifications(id)) {
      expect(verification.checkedEntries).toBeGreaterThan(20);
      expect(verification.checkedEntries).toBeLessThan(120);
      expect(verification.proves).toMatch(/of 300 entries .* with 95 % confidence less than/);
    }
  });

  it('says that nothing is proven when the key may not read back', async () => {
    const world = await filled();
    const ports = {
      ...world.ports,
      openVault: async (name: string) => {
        const vault = await world.ports.openVault(name);
        return { ...vault, keys: { ...vault.keys, contentPrivateKey: undefined } };
      },
    };
    const { verify } = await import('../../functions/operations/verify.ts');
    const result = await verify({ recoveryPointId: await world.latest(), level: 'restore' }, ports, {
      remainingMillis: () => 600_000,
    });
    expect(result).toMatchObject({ outcome: 'not-verified', reason: expect.stringContaining('backing up only') });
  });
});
