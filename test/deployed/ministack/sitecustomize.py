# Python loads this before ministack when this folder is on PYTHONPATH. Each part bridges one thing in which ministack falls short of AWS.
import re
import threading
from datetime import datetime, timezone
from urllib.parse import parse_qsl

from ministack.core import lambda_runtime
from ministack.services import eventbridge, lambda_svc, s3
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

# What a function logs reaches its log group whatever the machine's load; ministack waits 5 ms after a line, or 50 for the first, and forgets the rest.
lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.5, 0.1, 2.0)
lambda_svc._execute_function_warm = _execute_with_name

# EventBridge Scheduler fills in context attributes (Scheduler user guide, "Adding context attributes"); ministack sends them as they are.
_invoke_target = eventbridge._invoke_target


def _invoke_with_attributes(target, event, rule, view=None):
    if event.get("Source") == "aws.scheduler" and target.get("Input"):
        scheduled = datetime.fromtimestamp(int(event["Time"]), tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        target = {**target, "Input": target["Input"].replace("<aws.scheduler.scheduled-time>", scheduled)}
    return _invoke_target(target, event, rule, view)


eventbridge._invoke_target = _invoke_with_attributes

# A write gives an object the tags that come with it and no others (S3 API reference, PutObject and CreateMultipartUpload). In ministack
# those of the object before it stay, and those of a multipart upload are lost.
_put_object = s3._put_object
_create_multipart_upload = s3._create_multipart_upload
_complete_multipart_upload = s3._complete_multipart_upload


def _tag(bucket_name, key, tags):
    version = s3._ensure_bucket(bucket_name)["objects"][key].get("version_id")
    s3._object_tags[(bucket_name, key, version)] = tags


def _put_with_tags(bucket_name, key, body, headers, *args, **kwargs):
    answer = _put_object(bucket_name, key, body, headers, *args, **kwargs)
    if answer[0] == 200 and not headers.get("x-amz-tagging"):
        _tag(bucket_name, key, {})
    return answer


def _create_with_tags(bucket_name, key, headers):
    answer = _create_multipart_upload(bucket_name, key, headers)
    if answer[0] == 200:
        upload_id = re.search(rb"<UploadId>([^<]+)</UploadId>", answer[2]).group(1).decode()
        tags = dict(parse_qsl(headers.get("x-amz-tagging", ""), keep_blank_values=True))
        s3._multipart_uploads[upload_id]["tags"] = tags
    return answer


def _complete_with_tags(bucket_name, key, body, query_params, headers=None):
    upload = s3._multipart_uploads.get(s3._qp(query_params, "uploadId"))
    answer = _complete_multipart_upload(bucket_name, key, body, query_params, headers)
    if answer[0] == 200 and upload is not None:
        _tag(bucket_name, key, upload["tags"])
    return answer


s3._put_object = _put_with_tags
s3._create_multipart_upload = _create_with_tags
s3._complete_multipart_upload = _complete_with_tags

import iam_enforced, iam_of_services  # noqa: E401, E402, F401: IAM, which ministack enforces with AUTH=true
import application_auto_scaling, lambda_read_back, secret_versions, table_exports  # noqa: E401, E402, F401
import iam_of_sources  # noqa: E402, F401: last, since it judges what the others answer
