/** Brings about the event sources of a function. */
import {
  CreateEventSourceMappingCommand,
  UpdateEventSourceMappingCommand,
  type UpdateEventSourceMappingRequest,
} from '@aws-sdk/client-lambda';
import * as z from 'zod';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Attributes } from '../../core/entry.ts';
import { LATEST } from './describe.ts';
import type { FunctionDocument } from './document.ts';
import { type Mapping, toJson } from './documenting.ts';
import { orNamed, type PartContext } from './parts.ts';

type EventSource = FunctionDocument['eventSources'][number];

/** Whether each of the stored document's event sources was on; undefined for all where the function gets another name than it had. */
export function enabledOf(document: FunctionDocument, attributes: Attributes, name: string) {
  const flags = z.array(z.boolean()).safeParse(attributes.eventSourcesEnabled).data;
  if (attributes.name !== name) return () => undefined;
  const enabled = new Map(document.eventSources.map(({ request }, index) => [request, flags?.[index]]));
  return ({ request }: EventSource) => enabled.get(request);
}

/**
 * Of a function under its own name, each is on or off as it was. Under another name those that are made are off, and named: a copy must not begin to consume
 * what the function that it is a copy of is there for.
 */
export async function bringEventSources(
  { client, name, arn }: PartContext,
  wanted: readonly EventSource[],
  had: readonly Mapping[],
  enabledOf: (source: EventSource) => boolean | undefined,
): Promise<readonly string[]> {
  const lines: string[] = [];
  const before = new Map(had.map((mapping) => [keyOf(mapping), mapping]));
  for (const source of wanted) {
    const found = before.get(keyOf(source));
    before.delete(keyOf(source));
    const enabled = enabledOf(source);
    const FunctionName = source.qualifier === LATEST ? arn : `${arn}:${source.qualifier}`;
    const isAsWanted = found !== undefined && (enabled === undefined || found.enabled === enabled);
    if (isAsWanted && textOf(found.request) === textOf(source.request)) continue;
    await orNamed(lines, nameOf(source), async () => {
      if (found !== undefined) {
        const { cleared, left } = surplusOf(found, source);
        const to = { Enabled: enabled ?? found.enabled, ...cleared, ...changeable(source) };
        await client.send(new UpdateEventSourceMappingCommand({ UUID: found.uuid, FunctionName, ...to }));
        for (const name of left)
          lines.push(`${name} of ${nameOf(source)} (it is not in the snapshot, and is left as it is)`);
        return;
      }
      const request = { ...source.request, ...startTime(source), FunctionName };
      await client.send(new CreateEventSourceMappingCommand({ ...request, Enabled: enabled ?? false }));
      if (enabled === undefined) lines.push(`${nameOf(source)} (it is off; turn it on when ${name} is to consume it)`);
    });
  }
  for (const mapping of before.values())
    lines.push(`${nameOf(mapping)} (it is not in the snapshot, and is left as it is)`);
  return lines;
}

/** What takes a setting of an event source away; an update leaves alone what it does not name. */
const NONE: Omit<UpdateEventSourceMappingRequest, 'UUID'> = {
  FilterCriteria: {},
  KMSKeyArn: '',
  MetricsConfig: { Metrics: [] },
  ScalingConfig: {},
  DestinationConfig: {},
  SourceAccessConfigurations: [],
  FunctionResponseTypes: [],
};

/** The settings that are there and not wanted: what takes them away, and the names of those that only a new event source would be without. */
function surplusOf(found: EventSource, wanted: EventSource) {
  const surplus = Object.keys(changeable(found)).filter((name) => !(name in wanted.request));
  return {
    cleared: Object.fromEntries(Object.entries(NONE).filter(([name]) => surplus.includes(name))),
    left: surplus.filter((name) => !(name in NONE)),
  };
}

const textOf = (value: unknown): string => canonicalJson(toJson(value));

/** What a mapping is of, which no update changes. */
function keyOf({ qualifier, request }: EventSource): string {
  const { EventSourceArn, SelfManagedEventSource, Topics, Queues } = request;
  return textOf([qualifier, EventSourceArn ?? null, SelfManagedEventSource ?? null, Topics ?? null, Queues ?? null]);
}

const nameOf = ({ request }: EventSource): string =>
  `event source ${request.EventSourceArn ?? request.Topics?.join(', ') ?? 'without an ARN'}`;

function changeable({ request }: EventSource) {
  const { EventSourceArn: _, StartingPosition: __, StartingPositionTimestamp: ___, ...rest } = request;
  const { Topics: ____, Queues: _____, SelfManagedEventSource: ______, Tags: _______, ...update } = rest;
  return update;
}

/** A time of a stored document is text. */
function startTime({ request: { StartingPositionTimestamp: time } }: EventSource) {
  return time === undefined ? {} : { StartingPositionTimestamp: new Date(time) };
}
