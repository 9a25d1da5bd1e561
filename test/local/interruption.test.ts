import { describe, expect, it } from 'vitest';
import { Interrupted } from '../../functions/local/failure.ts';
import { interruption } from '../../functions/local/interruption.ts';

function setUp() {
  const said: string[] = [];
  const killed: number[] = [];
  const clock = { now: 0 };
  const stop = interruption({
    say: (text) => said.push(text),
    kill: (exitCode) => killed.push(exitCode),
    millis: () => clock.now,
  });
  return { said, killed, clock, stop };
}

describe('an interruption', () => {
  it('ends a command that cannot go on later at once', () => {
    const { killed, stop } = setUp();
    stop.signal();
    expect(killed).toEqual([130]);
  });

  it('lets the step in hand end, says how to go on, and starts no further step', () => {
    const { said, killed, stop } = setUp();
    stop.resume = 'go on with it by: holdfast run app';
    stop.check();
    stop.signal();
    expect(said).toEqual([
      'stopping after the step in hand (once more to end at once); go on with it by: holdfast run app',
    ]);
    expect(killed).toEqual([]);
    expect(stop.requested).toBe(true);
    expect(() => stop.check()).toThrow(Interrupted);
    expect(() => stop.check()).toThrow('stopped; go on with it by: holdfast run app');
  });

  it('ends a pause, in which no step is in hand, without another word', async () => {
    const { said, stop } = setUp();
    stop.resume = 'it goes on elsewhere';
    const pause = stop.pause(600_000);
    stop.signal();
    await expect(pause).rejects.toThrow(new Interrupted('stopped; it goes on elsewhere'));
    expect(said).toEqual([]);
  });

  it('that came between two pauses lets the second one not begin', async () => {
    const { said, stop } = setUp();
    stop.resume = 'it goes on elsewhere';
    await stop.pause(1);
    stop.signal();
    expect(said).toHaveLength(1);
    await expect(stop.pause(600_000)).rejects.toThrow(Interrupted);
  });

  it('takes one key press that arrives twice for one', () => {
    const { killed, clock, stop } = setUp();
    stop.resume = 'later';
    stop.signal();
    clock.now = 20;
    stop.signal();
    expect(killed).toEqual([]);
  });

  it('ends at once at the second key press', () => {
    const { killed, clock, stop } = setUp();
    stop.resume = 'later';
    stop.signal();
    clock.now = 2000;
    stop.signal();
    expect(killed).toEqual([130]);
  });
});
