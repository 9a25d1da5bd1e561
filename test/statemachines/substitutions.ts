/** What `serverless.yml` has to put into each state machine: the closed list of `${…}` in its file. */
export const SUBSTITUTIONS = {
  backup: [
    'CommitSnapshotFunctionArn',
    'FinishRunFunctionArn',
    'RecordFailureFunctionArn',
    'ReplicateFunctionArn',
    'StartRunFunctionArn',
    'TakeInventoryFunctionArn',
    'TakeSnapshotFunctionArn',
    'VerifyMachineArn',
    'WorkBucket',
  ],
  replicate: ['ReplicateFunctionArn'],
  restore: ['RecordFailureFunctionArn', 'RestoreFunctionArn'],
  verify: ['VerifyFunctionArn'],
} as const;

export type StateMachineName = keyof typeof SUBSTITUTIONS;
