import { describe, expect, it } from 'vitest';
import {
  plain,
  shorten,
  showBytes,
  showCount,
  showSeconds,
  showUsd,
  table,
  widthOf,
} from '../../functions/local/figures.ts';

describe('figures', () => {
  it.each([0, 7, 999, 1000, 12_345, 999_999, 1_000_000, 123_456_789_012, 0.5, 1234.5, 1_234_567.125, -1000])(
    'groups the digits of %d as English does',
    (count) => {
      expect(showCount(count)).toBe(count.toLocaleString('en-US'));
    },
  );

  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1_048_575, '1.0 MiB'],
    [1_572_864, '1.5 MiB'],
    [2 ** 60, '1024.0 PiB'],
  ])('shows %d bytes as %s', (bytes, text) => {
    expect(showBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0.0 s'],
    [9.94, '9.9 s'],
    [59.4, '59 s'],
    [60, '1 min'],
    [200, '3 min 20 s'],
    [3600, '1 h'],
    [18_600, '5 h 10 min'],
    [183_600, '2 d 3 h'],
  ])('shows %d seconds as %s', (seconds, text) => {
    expect(showSeconds(seconds)).toBe(text);
  });

  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [123_456, '123,456'],
    [1_234_567, '1,234,567'],
    [Number.MAX_SAFE_INTEGER, '9,007,199,254,740,991'],
  ])('shows the count %d as %s', (count, text) => {
    expect(showCount(count)).toBe(text);
  });

  it.each([
    [0, '0.00 USD'],
    [0.000123456, '0.00012 USD'],
    [0.00000004, '0.00000004 USD'],
    [0.0099, '0.0099 USD'],
    [0.01, '0.01 USD'],
    [1234.567, '1,234.57 USD'],
  ])('shows %d USD as %s', (usd, text) => {
    expect(showUsd(usd)).toBe(text);
  });

  it('counts wide letters as two columns and marks that combine as none', () => {
    expect(widthOf('abc')).toBe(3);
    expect(widthOf('🐘')).toBe(2);
    expect(widthOf('日本')).toBe(4);
    expect(widthOf('e\u0301')).toBe(1);
  });

  it('shortens a text to the columns, never beyond', () => {
    expect(shorten('abcdef', 6)).toBe('abcdef');
    expect(shorten('abcdefg', 6)).toBe('abcde…');
    expect(shorten('日本日本', 6)).toBe('日本…');
  });

  it('aligns a table, numbers to the right', () => {
    expect(
      table(
        [{ title: 'A' }, { title: 'COUNT', right: true }],
        [
          ['🐘', '1'],
          ['long', '1,000'],
        ],
      ),
    ).toEqual(['A     COUNT', '🐘        1', 'long  1,000']);
  });

  it('lets no control character through to a terminal', () => {
    expect(plain('a\x1b[31mb\r\n\u202ec')).toBe('a\\x1b[31mb\\x0d\\x0a\\xe2\\x80\\xaec');
  });
});
