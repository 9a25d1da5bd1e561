/** The memory of content on its way into S3, shared by all objects that are written side by side. */

export interface PartMemory {
  /** For one object; those that began earlier must be able to come to their end before those that began later. */
  begin(): PartTurn;
}

export interface PartTurn {
  /**
   * Returns when so many bytes may be held. That is at once, whatever others hold, for the first of all objects when it holds nothing: what others hold
   * may wait for content that comes after its own.
   */
  take(bytes: number): Promise<void>;
  give(bytes: number): void;
  /** Gives back what is still held. */
  end(): void;
}

export function partMemory(limitBytes: number): PartMemory {
  const turns: { heldBytes: number }[] = [];
  let heldBytes = 0;
  let changed = Promise.withResolvers<void>();
  const ring = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  return {
    begin() {
      const turn = { heldBytes: 0 };
      turns.push(turn);
      const give = (bytes: number): void => {
        turn.heldBytes -= bytes;
        heldBytes -= bytes;
        ring();
      };
      return {
        async take(bytes) {
          while (heldBytes + bytes > limitBytes && (turn !== turns[0] || turn.heldBytes > 0)) await changed.promise;
          turn.heldBytes += bytes;
          heldBytes += bytes;
        },
        give,
        end() {
          turns.splice(turns.indexOf(turn), 1);
          give(turn.heldBytes);
        },
      };
    },
  };
}
