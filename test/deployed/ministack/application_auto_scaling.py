# A table on demand has no scalable targets, and Application Auto Scaling says so (its API reference); ministack does not know the service.
import json

from ministack.core import router
from ministack.core.responses import error_response_json, json_response
from ministack.services import autoscaling

TARGET = "AnyScaleFrontendService."
# The requests go where ministack would send them if it knew them; what they ask for under IAM stands in iam_of_sources.py.
router.SERVICE_PATTERNS["autoscaling"].setdefault("target_prefixes", []).append(TARGET)
_EMPTY = {
    "DescribeScalableTargets": {"ScalableTargets": []},
    "DescribeScalingPolicies": {"ScalingPolicies": []},
    "DescribeScheduledActions": {"ScheduledActions": []},
}
_handle = autoscaling.handle_request


async def handle_request(method, path, headers, body, query_params):
    target = headers.get("x-amz-target", "")
    if not target.startswith(TARGET):
        return await _handle(method, path, headers, body, query_params)
    action = target.removeprefix(TARGET)
    if action in _EMPTY and json.loads(body)["ServiceNamespace"] == "dynamodb":
        return json_response(_EMPTY[action])
    return error_response_json("UnknownOperationException", f"{action} is unknown to application_auto_scaling.py", 400)


autoscaling.handle_request = handle_request
