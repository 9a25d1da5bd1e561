# Python loads this before ministack when this folder is on PYTHONPATH. Each part bridges one thing in which ministack falls short of AWS.
import threading
from datetime import datetime, timezone

from ministack.core import lambda_runtime
from ministack.services import eventbridge, lambda_svc
from ministack.services.cloudformation import provisioners

_record = provisioners._cw_metric_alarm_record


def _record_with_metric_math(name, props):
    """CloudFormation takes alarms on an expression; ministack refuses them. The alarm is kept as it was given, and is not evaluated."""
    metrics = props.get("Metrics")
    if not metrics:
        return _record(name, props)
    metric = next(one["MetricStat"]["Metric"] for one in metrics if one.get("MetricStat"))
    record = _record(name, {**props, **metric, "Metrics": None})
    for single in ("MetricName", "Namespace", "Dimensions", "Statistic", "ExtendedStatistic", "Period", "Unit"):
        record.pop(single, None)
    return {**record, "Metrics": metrics}


provisioners._cw_metric_alarm_record = _record_with_metric_math


# Lambda's runtime reports the name of what a handler threw, and Step Functions matches that (Lambda developer guide, "Handle errors in
# Node.js functions"); ministack reports every error as Runtime.HandlerError.
_thrown = threading.local()
_invoke = lambda_runtime.Worker.invoke
_execute = lambda_svc._execute_function_warm
_SETTLED = 'status: "error", error: String(err.message || err), trace: err.stack || ""'
if _SETTLED not in lambda_runtime._NODEJS_WORKER_SCRIPT:
    raise RuntimeError("ministack's Node.js worker has changed; the bridge in sitecustomize.py must follow")
lambda_runtime._NODEJS_WORKER_SCRIPT = lambda_runtime._NODEJS_WORKER_SCRIPT.replace(
    _SETTLED, _SETTLED + ', errorType: (err && err.name) || "Error"'
)


def _invoke_keeping_name(self, *args, **kwargs):
    result = _invoke(self, *args, **kwargs)
    _thrown.name = result.get("errorType")
    return result


def _execute_with_name(func, event, request_id):
    _thrown.name = None
    outcome = _execute(func, event, request_id)
    if outcome.get("error") and _thrown.name is not None:
        outcome["body"]["errorType"] = _thrown.name
    return outcome


lambda_runtime.Worker.invoke = _invoke_keeping_name
lambda_svc._execute_function_warm = _execute_with_name

# EventBridge Scheduler fills in context attributes (Scheduler user guide, "Adding context attributes"); ministack sends them as they are.
_invoke_target = eventbridge._invoke_target


def _invoke_with_attributes(target, event, rule, view=None):
    if event.get("Source") == "aws.scheduler" and target.get("Input"):
        scheduled = datetime.fromtimestamp(int(event["Time"]), tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        target = {**target, "Input": target["Input"].replace("<aws.scheduler.scheduled-time>", scheduled)}
    return _invoke_target(target, event, rule, view)


eventbridge._invoke_target = _invoke_with_attributes
