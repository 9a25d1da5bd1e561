import { afterEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { METRIC_NAMES, WATCHED_METRICS } from '../../functions/core/events.ts';
import { powertoolsMetrics } from '../../functions/runtime/powertools-metrics.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

const lineSchema = z.looseObject({
  _aws: z.object({
    CloudWatchMetrics: z.tuple([
      z.object({
        Namespace: z.string(),
        Dimensions: z.array(z.array(z.string())),
        Metrics: z.array(z.object({ Name: z.string(), Unit: z.string() })),
      }),
    ]),
  }),
});
type Line = z.output<typeof lineSchema>;
const directiveOf = (line: Line | undefined) => line?._aws.CloudWatchMetrics[0];

/** What stands on stdout after some metrics were put. */
function linesOf(
  put: (metrics: ReturnType<typeof powertoolsMetrics>) => void,
  which: 'watched' | 'all' = 'all',
): readonly Line[] {
  vi.stubEnv('POWERTOOLS_SERVICE_NAME', 'take-snapshot');
  let printed = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  put(powertoolsMetrics('prod', which));
  vi.mocked(process.stdout.write).mockRestore();
  return printed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => lineSchema.parse(JSON.parse(line)));
}

it.each([
  [{ plan: 'web-app' }],
  [{ plan: 'web-app', source: 's3://acme/' }],
  [{ plan: 'web-app', source: 's3://acme/', vault: 'primary' }],
])('puts a metric under exactly the stage and the dimensions %o', (dimensions) => {
  const [line] = linesOf((metrics) => metrics.put(dimensions, [{ name: 'RunFailed', unit: 'Count', value: 1 }]));
  expect(directiveOf(line)).toMatchObject({
    Namespace: 'Holdfast',
    Dimensions: [['stage', ...Object.keys(dimensions)]],
  });
  expect(line).toMatchObject({ stage: 'prod', ...dimensions, RunFailed: 1 });
});

it('puts several values on one line, with their units', () => {
  const [line] = linesOf((metrics) =>
    metrics.put({ plan: 'p' }, [
      { name: 'SnapshotSeconds', unit: 'Seconds', value: 12 },
      { name: 'StoredBytes', unit: 'Bytes', value: 0 },
    ]),
  );
  expect(line).toMatchObject({ SnapshotSeconds: 12, StoredBytes: 0 });
  expect(directiveOf(line)).toMatchObject({
    Metrics: [
      { Name: 'SnapshotSeconds', Unit: 'Seconds' },
      { Name: 'StoredBytes', Unit: 'Bytes' },
    ],
  });
});

it('carries no dimension from one line to the next', () => {
  const lines = linesOf((metrics) => {
    metrics.put({ plan: 'a', vault: 'primary' }, [{ name: 'RunFailed', unit: 'Count', value: 1 }]);
    metrics.put({ plan: 'b' }, [{ name: 'RunFailed', unit: 'Count', value: 1 }]);
  });
  expect(directiveOf(lines[1])?.Dimensions).toEqual([['stage', 'plan']]);
  expect(lines[1]).not.toHaveProperty('vault');
});

const putAll = (value: number) => (metrics: ReturnType<typeof powertoolsMetrics>) => {
  for (const name of METRIC_NAMES) metrics.put({ plan: 'p' }, [{ name, unit: 'Count', value }]);
};
const namesOf = (lines: readonly Line[]) =>
  lines.flatMap((line) => line._aws.CloudWatchMetrics[0].Metrics.map(({ Name }) => Name));

it('puts the figures only when all metrics are wanted', () => {
  expect(namesOf(linesOf(putAll(1), 'watched'))).toEqual([...WATCHED_METRICS]);
  expect(namesOf(linesOf(putAll(1), 'all'))).toEqual([...METRIC_NAMES]);
});

it('puts no count of zero, which says no more than silence, and prints no line for it', () => {
  expect(linesOf(putAll(0), 'watched')).toEqual([]);
});

it('puts a duration of zero', () => {
  const lines = linesOf(
    (metrics) => metrics.put({ plan: 'p' }, [{ name: 'ReplicationLagSeconds', unit: 'Seconds', value: 0 }]),
    'watched',
  );
  expect(namesOf(lines)).toEqual(['ReplicationLagSeconds']);
});
