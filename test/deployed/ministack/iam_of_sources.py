"""Requests for tables, parameters, secrets and functions under IAM: which actions, on which resource (Service Authorization Reference,
"Amazon DynamoDB", "AWS Systems Manager", "AWS Secrets Manager", "AWS Lambda", "Application Auto Scaling").

ministack with AUTH=true takes many operations of Lambda for others, does not find the resource where a request gives an ARN, and knows
nothing of what a request asks for besides.
"""
import json
from urllib.parse import unquote

from application_auto_scaling import TARGET as AUTO_SCALING
from iam_enforced import auth_is_on
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.core.router import extract_access_key_id
from ministack.services import dynamodb, lambda_svc, secretsmanager, ssm

_extract_iam_action = iam_actions.extract_iam_action
_extract_resource_arn = iam_actions.extract_resource_arn
_access_denied_response = iam_actions.access_denied_response


def _one(query_params, name):
    value = query_params.get(name)
    return value[0] if isinstance(value, list) and value else value


def _json_of(body):
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


# ── Which action

# An operation gives its action the name, but for these.
iam_actions._BOTOCORE_SERVICE_MAP["lambda"] = ["lambda"]
_OTHERWISE_CALLED = {"Invoke": "InvokeFunction", "InvokeWithResponseStream": "InvokeFunction", "GetLayerVersionByArn": "GetLayerVersion"}


def _is_auto_scaling(headers):
    return (headers or {}).get("x-amz-target", "").startswith(AUTO_SCALING)


def _extract_action(service, method, path, headers, body, query_params):
    if _is_auto_scaling(headers):
        return f"application-autoscaling:{headers['x-amz-target'].removeprefix(AUTO_SCALING)}"
    if service != "lambda":
        return _extract_iam_action(service, method, path, headers, body, query_params)
    operation = iam_actions._match_rest_action("lambda", method, path, query_params)
    if operation is None:
        return f"unknown-to-iam_of_sources.py:lambda {method} {path}?{'&'.join(query_params)}"
    return f"lambda:{_OTHERWISE_CALLED.get(operation, operation)}"


# ── On which resource


def _lambda_arn(path, query_params, body, arn):
    """With the version or the alias that a request names."""
    parts = [unquote(part) for part in path.split("/") if part]
    if parts[1:] == ["functions"] and (made := _json_of(body).get("FunctionName")):
        return made if made.startswith("arn:") else f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{made}"
    if parts[1:2] == ["layers"]:
        layer_arn = _one(query_params, "Arn") or arn
        return f"{layer_arn}:{parts[4]}" if parts[3:4] == ["versions"] and len(parts) > 4 else layer_arn
    qualifier = _one(query_params, "Qualifier")
    return f"{arn}:{qualifier}" if qualifier and parts[1:2] == ["functions"] else arn


def _extract_arn(service, method, path, headers, body, query_params, region, account_id):
    if _is_auto_scaling(headers):
        return "*"
    arn = _extract_resource_arn(service, method, path, headers, body, query_params, region, account_id)
    if service == "lambda":
        return _lambda_arn(path, query_params, body, arn)
    if service == "dynamodb" and arn == "*":
        data = _json_of(body)
        return next((data[name] for name in ("ResourceArn", "TableArn", "ExportArn") if data.get(name)), arn)
    if service == "ssm" and arn.count(":") > 5:
        # A parameter may be asked for by version or label, which is no part of its ARN.
        return ":".join(arn.split(":")[:6])
    return arn


def _deny_in_its_protocol(service, action, principal_arn, request_id, **given):
    own = "application-autoscaling" if action.startswith("application-autoscaling:") else service
    return _access_denied_response(own, action, principal_arn, request_id, **given)


iam_actions.extract_iam_action = _extract_action
iam_actions.extract_resource_arn = _extract_arn
iam_actions.access_denied_response = _deny_in_its_protocol

# ── What is asked for besides


def further_checks(action, arn, body):
    """What else a request takes, as (action, resource, condition keys)."""
    data = _json_of(body)
    checks = [
        (along, arn, {})
        for name, along in {
            "dynamodb:CreateTable": [("Tags", "dynamodb:TagResource"), ("ResourcePolicy", "dynamodb:PutResourcePolicy")],
            "ssm:PutParameter": [("Tags", "ssm:AddTagsToResource")],
            "secretsmanager:CreateSecret": [
                ("Tags", "secretsmanager:TagResource"),
                ("AddReplicaRegions", "secretsmanager:ReplicateSecretToRegions"),
            ],
            "lambda:CreateFunction": [("Tags", "lambda:TagResource")],
        }.get(action, [])
        if data.get(name)
    ]
    if action in ("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"):
        if data.get("Role"):
            checks.append(("iam:PassRole", data["Role"], {"iam:PassedToService": "lambda.amazonaws.com"}))
        checks += [("lambda:GetLayerVersion", layer, {}) for layer in data.get("Layers") or []]
    if action == "dynamodb:ExportTableToPointInTime":
        # DynamoDB writes with the rights of who asks (DynamoDB developer guide, "Requesting a table export").
        key = "/".join(filter(None, [data.get("S3Prefix"), "AWSDynamoDB/new"]))
        to = f"arn:aws:s3:::{data.get('S3Bucket')}/{key}"
        checks += [(f"s3:{right}", to, {}) for right in ("PutObject", "PutObjectAcl", "AbortMultipartUpload")]
    return checks


def _refusal(headers, query_params, action, arn, keys):
    access_key = extract_access_key_id(headers, query_params)
    return iam_evaluator.enforce(access_key, action, action.split(":")[0], get_region(), arn, keys)


def _asking_further(service, module):
    handle = module.handle_request

    async def handle_if_allowed(method, path, headers, body, query_params):
        if not auth_is_on():
            return await handle(method, path, headers, body, query_params)
        action = iam_actions.extract_iam_action(service, method, path, headers, body, query_params)
        arn = iam_actions.extract_resource_arn(service, method, path, headers, body, query_params, get_region(), get_account_id())
        for further, resource, keys in further_checks(action, arn, body):
            if denied := _refusal(headers, query_params, further, resource, keys):
                given = {"error_code": denied.code, "message": denied.message} if isinstance(denied, iam_evaluator.AuthError) else {}
                return iam_actions.access_denied_response(
                    service, further, getattr(denied, "principal_arn", ""), new_uuid(), headers=headers, resource_arn=resource, **given
                )
        status, answered, content = await handle(method, path, headers, body, query_params)
        # Lambda API reference, GetFunction: tags are told to whoever may list them.
        if action == "lambda:GetFunction" and status == 200 and _refusal(headers, query_params, "lambda:ListTags", arn, {}):
            told = {name: value for name, value in json.loads(content).items() if name != "Tags"}
            content = json.dumps(told).encode()
        return status, answered, content

    module.handle_request = handle_if_allowed


for _service, _module in {"dynamodb": dynamodb, "ssm": ssm, "secretsmanager": secretsmanager, "lambda": lambda_svc}.items():
    _asking_further(_service, _module)
