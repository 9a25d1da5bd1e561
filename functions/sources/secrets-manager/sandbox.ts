/** What must not be written into a sandbox: it would run functions, reach into other regions and let others in. */
export const SANDBOX_LEAVES_OUT: readonly string[] = ['rotation', 'replicaRegions', 'policy'];
