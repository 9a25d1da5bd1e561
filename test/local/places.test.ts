import { describe, expect, it } from 'vitest';
import { InvalidInputError } from '../../functions/core/errors.ts';
import { instantFrom, placeFrom } from '../../functions/local/places.ts';

describe('places as a person names them', () => {
  it.each([
    ['s3://bucket/prefix', 's3://bucket/prefix'],
    ['file:///srv/data/', 'file:///srv/data'],
    ['/srv/data', 'file:///srv/data'],
    ['data', 'file:///home/me/data'],
    ['../other', 'file:///home/other'],
    ['.', 'file:///home/me'],
  ])('%s is %s', (text, uri) => {
    expect(placeFrom(text, '/home/me')).toBe(uri);
  });

  it.each(['', 's3:/bucket/x', 'file://relative', 'http://host/x', 's3://B/x'])('"%s" is refused', (text) => {
    expect(() => placeFrom(text, '/home/me')).toThrow(InvalidInputError);
  });
});

describe('times as a person writes them', () => {
  it.each([
    ['2026-11-25T10:22:09Z', '2026-11-25T10:22:09.000Z'],
    ['2026-11-25T11:22+01:00', '2026-11-25T10:22:00.000Z'],
    ['2026-11-25 10:22:09.123Z', '2026-11-25T10:22:09.123Z'],
  ])('%s is %s', (text, iso) => {
    expect(instantFrom(text, '--at')).toBe(iso);
  });

  it.each(['yesterday', '2026-11-25', '2026-11-25T10:22:09', '2026-13-25T10:22:09Z', '1'])(
    '"%s" is refused, naming the option',
    (text) => {
      expect(() => instantFrom(text, '--at')).toThrow(/^--at "/);
    },
  );
});
