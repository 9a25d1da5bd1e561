/** Auto scaling of a table and its indexes (Application Auto Scaling): scalable targets, with their policies and scheduled actions. */
import { isDeepStrictEqual } from 'node:util';
import {
  type ApplicationAutoScalingClient,
  DeleteScalingPolicyCommand,
  DeleteScheduledActionCommand,
  DeregisterScalableTargetCommand,
  PutScalingPolicyCommand,
  PutScheduledActionCommand,
  paginateDescribeScalableTargets,
  paginateDescribeScalingPolicies,
  paginateDescribeScheduledActions,
  RegisterScalableTargetCommand,
  type ScalableTarget,
  type ScalingPolicy,
  type ScheduledAction,
} from '@aws-sdk/client-application-auto-scaling';
import type { AutoScaling } from './definition.ts';
import type { FeatureChange } from './features.ts';

const ServiceNamespace = 'dynamodb';

const resourceOf = (table: string, index: string | undefined): string =>
  index === undefined ? `table/${table}` : `table/${table}/index/${index}`;

/** All of it, in one order; resources are named by index, so that it fits another table. */
export async function readAutoScaling(client: ApplicationAutoScalingClient, table: string, indexes: readonly string[]) {
  const resources = new Map([undefined, ...indexes].map((index) => [resourceOf(table, index), index]));
  const about = (answered: {
    readonly ResourceId: string | undefined;
    readonly ScalableDimension?: string | undefined;
  }) => {
    const IndexName = resources.get(answered.ResourceId ?? '');
    return { ...(IndexName === undefined ? {} : { IndexName }), ScalableDimension: answered.ScalableDimension };
  };
  const [targets, policies, actions]: [Named[], Named[], Named[]] = [[], [], []];
  const scaled = new Set<string>();
  const ResourceIds = [...resources.keys()];
  for await (const page of paginateDescribeScalableTargets({ client }, { ServiceNamespace, ResourceIds }))
    for (const target of page.ScalableTargets ?? []) {
      const { ResourceId = '' } = target;
      // An emulator may answer with more than was asked for.
      if (!resources.has(ResourceId)) continue;
      scaled.add(ResourceId);
      targets.push({ ...targetOf(target), ...about(target) });
    }
  // Only what has a target has policies and actions, and these are asked for one resource at a time.
  for (const ResourceId of [...scaled].sort()) {
    const of = { ServiceNamespace, ResourceId } as const;
    for await (const page of paginateDescribeScalingPolicies({ client }, of))
      for (const policy of page.ScalingPolicies ?? []) policies.push({ ...policyOf(policy), ...about(policy) });
    for await (const page of paginateDescribeScheduledActions({ client }, of))
      for (const action of page.ScheduledActions ?? []) actions.push({ ...actionOf(action), ...about(action) });
  }
  return { targets: inOrder(targets), policies: inOrder(policies), actions: inOrder(actions) };
}

/** Without what is of one account and one moment: ARNs, alarms, times of creation. */
const targetOf = (target: ScalableTarget) => ({
  MinCapacity: target.MinCapacity,
  MaxCapacity: target.MaxCapacity,
  SuspendedState: target.SuspendedState,
});
const policyOf = (policy: ScalingPolicy) => ({
  PolicyName: policy.PolicyName,
  PolicyType: policy.PolicyType,
  TargetTrackingScalingPolicyConfiguration: policy.TargetTrackingScalingPolicyConfiguration,
  StepScalingPolicyConfiguration: policy.StepScalingPolicyConfiguration,
  PredictiveScalingPolicyConfiguration: policy.PredictiveScalingPolicyConfiguration,
});
const actionOf = (action: ScheduledAction) => ({
  ScheduledActionName: action.ScheduledActionName,
  Schedule: action.Schedule,
  Timezone: action.Timezone,
  StartTime: notYet(action.StartTime),
  EndTime: action.EndTime,
  ScalableTargetAction: action.ScalableTargetAction,
});

/** A start that has passed says nothing more, and AWS takes none that lies in the past. */
const notYet = (start: Date | undefined): Date | undefined =>
  start !== undefined && start.getTime() > Date.now() ? start : undefined;

const inOrder = (items: readonly Named[]): readonly Named[] =>
  [...items].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));

interface Named {
  readonly IndexName?: string | undefined;
  readonly ScalableDimension?: string | undefined;
  readonly PolicyName?: string | undefined;
  readonly ScheduledActionName?: string | undefined;
}

/** Sets apart one target, policy or action of a table from the next. */
const nameOf = (item: Named): string =>
  [item.IndexName, item.ScalableDimension, item.PolicyName, item.ScheduledActionName]
    .map((part) => part ?? '')
    .join(' ');

type Scaled = Pick<AutoScaling['targets'][number], 'IndexName' | 'ScalableDimension'>;

/** What turns `found` into `wanted`, in order; what hangs on a target is removed together with it. */
export function planAutoScaling(
  table: string,
  wanted: AutoScaling | undefined,
  found: AutoScaling = { targets: [], policies: [], actions: [] },
): readonly FeatureChange[] {
  if (wanted === undefined) return [];
  const gone = extra(wanted.targets, found.targets);
  const stays = (item: Scaled): boolean =>
    !gone.some((target) => target.IndexName === item.IndexName && target.ScalableDimension === item.ScalableDimension);
  const of = ({ IndexName, ScalableDimension }: Scaled) =>
    ({ ServiceNamespace, ResourceId: resourceOf(table, IndexName), ScalableDimension }) as const;
  const change = (item: Named, send: (client: ApplicationAutoScalingClient) => Promise<unknown>): FeatureChange => ({
    setting: `autoScaling ${nameOf(item).replace(/ +/g, ' ').trim()}`,
    make: ({ autoScaling }) => send(autoScaling),
  });
  return [
    ...gone.map((target) => change(target, (client) => client.send(new DeregisterScalableTargetCommand(of(target))))),
    ...extra(wanted.policies, found.policies)
      .filter(stays)
      .map((policy) => {
        const input = { ...of(policy), PolicyName: policy.PolicyName };
        return change(policy, (client) => client.send(new DeleteScalingPolicyCommand(input)));
      }),
    ...extra(wanted.actions, found.actions)
      .filter(stays)
      .map((action) => {
        const input = { ...of(action), ScheduledActionName: action.ScheduledActionName };
        return change(action, (client) => client.send(new DeleteScheduledActionCommand(input)));
      }),
    ...different(wanted.targets, found.targets).map((target) => {
      const { IndexName: _, ...limits } = target;
      return change(target, (client) => client.send(new RegisterScalableTargetCommand({ ...limits, ...of(target) })));
    }),
    ...different(wanted.policies, found.policies).map((policy) => {
      const { IndexName: _, ...configuration } = policy;
      return change(policy, (client) => client.send(new PutScalingPolicyCommand({ ...configuration, ...of(policy) })));
    }),
    ...different(wanted.actions.map(withTimes), found.actions.map(withTimes)).map((action) => {
      const { IndexName: _, ...schedule } = action;
      const input = { ...schedule, ...of(action) };
      return change(action, (client) => client.send(new PutScheduledActionCommand(input)));
    }),
  ];
}

function withTimes({ StartTime, EndTime, ...action }: AutoScaling['actions'][number]) {
  const start = notYet(StartTime === undefined ? undefined : new Date(StartTime));
  return {
    ...action,
    ...(start === undefined ? {} : { StartTime: start }),
    ...(EndTime === undefined ? {} : { EndTime: new Date(EndTime) }),
  };
}

function extra<Item extends Named>(wanted: readonly Named[], found: readonly Item[]): readonly Item[] {
  const names = new Set(wanted.map(nameOf));
  return found.filter((item) => !names.has(nameOf(item)));
}

function different<Item extends Named>(wanted: readonly Item[], found: readonly Item[]): readonly Item[] {
  return wanted.filter((item) => !found.some((other) => isDeepStrictEqual(item, other)));
}
