import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { mockClient } from 'aws-sdk-client-mock';
import { beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError, TransientError } from '../../functions/core/errors.ts';
import type { HoldfastEvent } from '../../functions/core/events.ts';
import { eventBridgePublisher } from '../../functions/runtime/event-bridge.ts';

const bridge = mockClient(EventBridgeClient);
const pauses: number[] = [];
const publisher = eventBridgePublisher(
  new EventBridgeClient({ region: 'eu-west-1' }),
  'backup-bus',
  async (attempt) => {
    pauses.push(attempt);
  },
);

const eventsOf = (count: number): readonly HoldfastEvent[] =>
  Array.from({ length: count }, (_, index) => ({ type: 'Run Started', detail: { runId: `run-${index}` } }));
const details = () =>
  bridge
    .commandCalls(PutEventsCommand)
    .map((call) => call.args[0].input.Entries?.map(({ Detail }) => JSON.parse(Detail ?? '').runId));

beforeEach(() => {
  bridge.reset();
  pauses.length = 0;
});

const takeAll = () =>
  bridge.on(PutEventsCommand).callsFake(({ Entries }: { Entries: object[] }) => ({
    FailedEntryCount: 0,
    Entries: Entries.map((_, index) => ({ EventId: String(index) })),
  }));

describe('the bus', () => {
  it('is given each event under its type, from holdfast', async () => {
    takeAll();
    await publisher.publish([{ type: 'Run Failed', detail: { runId: 'r', failed: 2 } }]);
    expect(bridge.commandCalls(PutEventsCommand)[0]?.args[0].input).toEqual({
      Entries: [
        {
          EventBusName: 'backup-bus',
          Source: 'holdfast',
          DetailType: 'Run Failed',
          Detail: '{"runId":"r","failed":2}',
        },
      ],
    });
  });

  it.each([
    [0, []],
    [10, [10]],
    [11, [10, 1]],
    [25, [10, 10, 5]],
  ])('is given %i events in calls of ten', async (count, sizes) => {
    takeAll();
    await publisher.publish(eventsOf(count));
    expect(details().map((call) => call?.length)).toEqual(sizes);
  });

  it('is given again what it did not take, and that alone', async () => {
    bridge
      .on(PutEventsCommand)
      .resolvesOnce({
        FailedEntryCount: 1,
        Entries: [{ EventId: '1' }, { ErrorCode: 'ThrottlingException' }, { EventId: '3' }],
      })
      .resolvesOnce({ FailedEntryCount: 0, Entries: [{ EventId: '2' }] });
    await publisher.publish(eventsOf(3));
    expect(details()).toEqual([['run-0', 'run-1', 'run-2'], ['run-1']]);
    expect(pauses).toEqual([1]);
  });

  it('is given up, as a transient failure, when it takes an event never', async () => {
    bridge.on(PutEventsCommand).resolves({ FailedEntryCount: 1, Entries: [{ ErrorCode: 'InternalFailure' }] });
    const publishing = publisher.publish(eventsOf(1));
    await expect(publishing).rejects.toThrow(TransientError);
    await expect(publishing).rejects.toThrow('bus backup-bus: 1 events were not taken (InternalFailure)');
    expect(pauses).toEqual([1, 2, 3]);
  });

  it('has not taken what it does not answer for', async () => {
    bridge.on(PutEventsCommand).resolves({});
    await expect(publisher.publish(eventsOf(1))).rejects.toThrow(TransientError);
  });

  it.each([
    ['AccessDeniedException', AccessDeniedError],
    ['NotAuthorizedForSourceException', AccessDeniedError],
    ['NotAuthorizedForDetailTypeException', AccessDeniedError],
    ['MalformedDetail', Error],
  ])('is not asked again when it refuses an event for good (%s)', async (code, expected) => {
    bridge.on(PutEventsCommand).resolves({
      FailedEntryCount: 1,
      Entries: [{ ErrorCode: 'ThrottlingException' }, { ErrorCode: code, ErrorMessage: 'said the bus' }],
    });
    const publishing = publisher.publish(eventsOf(2));
    await expect(publishing).rejects.toThrow(expected);
    await expect(publishing).rejects.toThrow('said the bus');
    await expect(publishing).rejects.not.toThrow(TransientError);
    expect(pauses).toEqual([]);
  });

  it('refuses by an error that says what to do', async () => {
    const refusal = Object.assign(new Error('not authorized to perform: events:PutEvents'), {
      name: 'AccessDeniedException',
    });
    bridge.on(PutEventsCommand).rejects(refusal);
    const publishing = publisher.publish(eventsOf(1));
    await expect(publishing).rejects.toThrow(AccessDeniedError);
    await expect(publishing).rejects.toMatchObject({ cause: refusal });
  });
});
