/** What must not be written into a sandbox: an expiry would delete there, and notices would call people. */
export const SANDBOX_LEAVES_OUT: readonly string[] = ['policies'];
