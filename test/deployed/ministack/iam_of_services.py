"""What services may do by the roles and policies that they were given: Lambda, Step Functions, EventBridge Scheduler, CloudWatch.

ministack with AUTH=true checks requests only. The words are AWS's own, and so are the moments: what AWS refuses at deployment fails there.
"""
import contextvars
import re

from iam_enforced import CannotJudge, auth_is_on, logger
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, eventbridge, iam, lambda_svc, sns, stepfunctions
from ministack.services.cloudformation import provisioners


def refusal(role_arn, session, action, resource):
    """Why the role may not do it, in AWS's words; None when it may."""
    if not auth_is_on():
        return None
    account, name = get_account_id(), role_arn.rsplit("/", 1)[-1]
    user = f"arn:aws:sts::{account}:assumed-role/{name}/{session}"
    context = iam_evaluator.EvalContext(
        principal_arn=user, principal_type="AssumedRole", principal_account=account,
        action=action, resource_arn=resource, region=get_region(),
    )
    boundary = iam_evaluator._permissions_boundary(iam._roles, name, account)
    try:
        decision = iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(name, account), *boundary).decision
    except CannotJudge as problem:
        return f"{action} on {resource}: {problem}"
    if decision == "Allow":
        return None
    return iam_actions.identity_denial_message(action, user, resource, decision == "Deny")


def trusts(role_arn, service):
    """Whether the role lets the service assume it."""
    if not auth_is_on():
        return True
    account = get_account_id()
    role = iam._roles.get(role_arn.rsplit("/", 1)[-1]) or {}
    context = iam_evaluator.EvalContext(
        principal_arn=service, principal_type="Service", principal_account=account,
        action="sts:AssumeRole", resource_arn=role_arn, region=get_region(), service_context={"aws:sourceaccount": account},
    )
    trust = role.get("AssumeRolePolicyDocument")
    return iam_evaluator.evaluate_resource_policy(trust, context, service=service).decision == "Allow"


# ── At deployment

# Step Functions guide, "Logging using CloudWatch Logs in Step Functions"
_DELIVER_LOGS = [
    *("logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries"),
    *("logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
]
_HEAR_OF_EXECUTIONS = ["events:PutTargets", "events:PutRule", "events:DescribeRule"]


def _refused_any(role_arn, actions, resource):
    return any(refusal(role_arn, "deployment", action, resource) for action in actions)


def _lambda_problem(props):
    if not trusts(props["Role"], "lambda.amazonaws.com"):
        return "The role defined for the function cannot be assumed by Lambda."
    traced = (props.get("TracingConfig") or {}).get("Mode") == "Active"
    if traced and _refused_any(props["Role"], ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"):
        return "The provided execution role does not have permissions to call PutTraceSegments on XRAY"
    return None


def _machine_problem(props):
    role_arn = props["RoleArn"]
    if not trusts(role_arn, "states.amazonaws.com"):
        return "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role."
    logs = (props.get("LoggingConfiguration") or {}).get("Level", "OFF") != "OFF"
    if logs and _refused_any(role_arn, _DELIVER_LOGS, "*"):
        return "The state machine IAM Role is not authorized to access the Log Destination"
    rule = f"arn:aws:events:{get_region()}:{get_account_id()}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
    nested = "states:startExecution.sync" in provisioners._sfn_definition(props)
    if nested and _refused_any(role_arn, _HEAR_OF_EXECUTIONS, rule):
        return f"'{role_arn}' is not authorized to create managed-rule."
    return None


def _schedule_problem(props):
    if not trusts(props["Target"]["RoleArn"], "scheduler.amazonaws.com"):
        return "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
    return None


def _checked(provision, position, problem_of):
    def provision_if_allowed(*args, **kwargs):
        if problem := problem_of(args[position]):
            raise ValueError(problem)
        return provision(*args, **kwargs)

    return provision_if_allowed


for _type, _problem_of in {
    "AWS::Lambda::Function": _lambda_problem,
    "AWS::StepFunctions::StateMachine": _machine_problem,
    "AWS::Scheduler::Schedule": _schedule_problem,
}.items():
    _handlers = provisioners._RESOURCE_HANDLERS[_type]
    _handlers["create"] = _checked(_handlers["create"], 1, _problem_of)  # (logical id, properties, stack)
    _handlers["update"] = _checked(_handlers["update"], 2, _problem_of)  # (physical id, old properties, new ones, stack)

# ── While machines run

# Of no other resource is it known here which actions a task takes.
_KNOWN_TASKS = re.compile(r"arn:aws:lambda:|arn:aws:states:::(lambda:invoke|states:startExecution)")
_machine_arn = contextvars.ContextVar("machine_arn", default=None)
_execute_task = stepfunctions._execute_task
_call_lambda = stepfunctions._call_lambda
_invoke_nested = stepfunctions._invoke_nested_start_execution
_invoke_nested_sync = stepfunctions._invoke_nested_start_execution_sync
_read_map_items = stepfunctions._read_map_items
_run_distributed_map = stepfunctions._run_distributed_map


def _itself(machine_arn):
    """The machine of a child of its Distributed Map, which runs as MACHINE/LABEL under the machine's own role."""
    return machine_arn.split("/")[0]


def _require(error, machine_arn, action, resource):
    if not auth_is_on():
        return
    machine = stepfunctions._state_machines.get(_itself(machine_arn))
    if said := refusal(machine["roleArn"], machine["name"], action, resource):
        raise stepfunctions._ExecutionError(error, said)


def _execute_task_under_role(state_def, raw_input, execution, ctx):
    resource = state_def["Resource"]
    if auth_is_on() and not _KNOWN_TASKS.match(resource):
        raise stepfunctions._ExecutionError("EmulatorCannotJudge", f"what a task of {resource} takes is unknown to iam_of_services.py")
    token = _machine_arn.set(execution["stateMachineArn"])
    try:
        return _execute_task(state_def, raw_input, execution, ctx)
    finally:
        _machine_arn.reset(token)


def _call_lambda_if_allowed(func_ref, event):
    _, config, _ = lambda_svc._get_func_record_for_ref(func_ref)
    if config:
        _require("Lambda.AWSLambdaException", _machine_arn.get(), "lambda:InvokeFunction", config["FunctionArn"])
    return _call_lambda(func_ref, event)


def _invoke_nested_if_allowed(resource, input_data):
    child_arn = stepfunctions._nested_start_execution_request(input_data)["stateMachineArn"]
    _require("StepFunctions.AWSStepFunctionsException", _machine_arn.get(), "states:StartExecution", child_arn)
    return _invoke_nested(resource, input_data)


def _invoke_nested_sync_if_allowed(resource, input_data):
    child_arn = stepfunctions._nested_start_execution_request(input_data)["stateMachineArn"]
    execution_arn = f"{child_arn.replace(':stateMachine:', ':execution:')}:{input_data.get('Name', 'new')}"
    error = "StepFunctions.AWSStepFunctionsException"
    _require(error, _machine_arn.get(), "states:StartExecution", child_arn)
    # Follows the child, and ends it when the parent is ended.
    for action in ("states:DescribeExecution", "states:StopExecution"):
        _require(error, _machine_arn.get(), action, execution_arn)
    return _invoke_nested_sync(resource, input_data)


def _read_map_items_if_allowed(reader, effective, ctx):
    params = stepfunctions._resolve_params_obj(reader.get("Parameters") or reader.get("Arguments") or {}, effective, ctx)
    lists = reader.get("Resource", "").endswith("s3:listObjectsV2")
    arn = f"arn:aws:s3:::{params['Bucket']}" + ("" if lists else f"/{params['Key']}")
    _require("States.ItemReaderFailed", ctx["StateMachine"]["Id"], "s3:ListBucket" if lists else "s3:GetObject", arn)
    return _read_map_items(reader, effective, ctx)


def _run_distributed_map_if_allowed(state_def, raw_input, effective, iterator, execution, ctx):
    # AWS does not document the error's name; this one stands for a role that may not do what a state needs.
    machine_arn = execution["stateMachineArn"]
    _require("States.Permissions", machine_arn, "states:StartExecution", _itself(machine_arn))
    return _run_distributed_map(state_def, raw_input, effective, iterator, execution, ctx)


stepfunctions._execute_task = _execute_task_under_role
stepfunctions._call_lambda = _call_lambda_if_allowed
stepfunctions._invoke_nested_start_execution = _invoke_nested_if_allowed
stepfunctions._invoke_nested_start_execution_sync = _invoke_nested_sync_if_allowed
stepfunctions._read_map_items = _read_map_items_if_allowed
stepfunctions._run_distributed_map = _run_distributed_map_if_allowed

# ── Schedules, logs of functions, alarms: they fail without anybody being told

_invoke_target = eventbridge._invoke_target
_emit_lambda_logs = lambda_svc._emit_lambda_logs
_dispatch_alarm_actions = cloudwatch._dispatch_alarm_actions
_ALARM_ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")


def _invoke_target_if_allowed(target, event, rule, view=None):
    if event.get("Source") == "aws.scheduler":
        action = "states:StartExecution" if ":stateMachine:" in target["Arn"] else "unknown-to-iam_of_services.py:"
        if said := refusal(target["RoleArn"], rule["Name"], action, target["Arn"]):
            return logger.error("EventBridge Scheduler: %s", said)
    return _invoke_target(target, event, rule, view)


def _emit_lambda_logs_if_allowed(func, *args, **kwargs):
    config = func.get("config") or func
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    stream_arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:new"
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        if said := refusal(config["Role"], config["FunctionName"], action, stream_arn):
            return logger.error("Lambda: %s", said)
    return _emit_lambda_logs(func, *args, **kwargs)


def _dispatch_alarm_actions_if_allowed(alarm, *args):
    """An alarm publishes as the service, so that the topic's own policy must let it."""

    def may_publish(topic_arn):
        return sns.topic_policy_allows(topic_arn, "cloudwatch.amazonaws.com", alarm["AlarmArn"], get_account_id())

    allowed = {name: [arn for arn in alarm.get(name) or [] if may_publish(arn)] for name in _ALARM_ACTIONS}
    return _dispatch_alarm_actions({**alarm, **allowed}, *args)


eventbridge._invoke_target = _invoke_target_if_allowed
lambda_svc._emit_lambda_logs = _emit_lambda_logs_if_allowed
cloudwatch._dispatch_alarm_actions = _dispatch_alarm_actions_if_allowed
