import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { IntegrityError } from '../../functions/core/errors.ts';
import { sha256Hex } from '../../functions/core/ids.ts';
import { parseJson } from '../../functions/core/json.ts';
import { settingsSchema } from '../../functions/core/manifest.ts';
import { buildFrames } from '../../functions/core/sealed-frames.ts';
import { readSegment } from '../../functions/core/segment.ts';
import { KEYS } from '../fakes/world.ts';

const nested = (depth: number, open: string, close: string) => `${open.repeat(depth)}1${close.repeat(depth)}`;
const NESTS = { arrays: ['[', ']'], objects: ['{"a":', '}'] } as const;

describe('stored JSON that is nested too deeply', () => {
  for (const [of, [open, close]] of Object.entries(NESTS)) {
    it(`is an IntegrityError where ${of} stand in settings`, () => {
      const text = `{"a":${nested(100_000, open, close)}}`;
      expect(() => parseJson(Buffer.from(text), settingsSchema, 'blob x')).toThrow(IntegrityError);
      expect(() => parseJson(Buffer.from(text), z.string(), 'blob x')).toThrow(IntegrityError);
    });

    it(`is an IntegrityError where ${of} stand in attributes`, () => {
      const read = (depth: number) => {
        const frames = buildFrames(KEYS, 'segment', Buffer.alloc(32, 7));
        const attributes = `{"a":${nested(depth, open, close)}}`;
        const text = `{"packs":[],"chunks":[],"entries":[["k","f",${attributes},"${'0'.repeat(64)}",0,[]]]}`;
        frames.add(Buffer.from(text), 'last frame');
        const blob = frames.finish();
        return [...readSegment(KEYS, sha256Hex(blob), blob)].flat();
      };
      expect(read(50)).toHaveLength(1);
      for (const depth of [200, 100_000]) expect(() => read(depth)).toThrow(IntegrityError);
    });
  }
});
