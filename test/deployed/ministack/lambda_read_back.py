# What a function was given comes back when it is asked for (Lambda API reference). Ministack does not tell it, or tells another's.
import json
import re
from urllib.parse import unquote

from ministack.services import lambda_svc

_handle = lambda_svc.handle_request
_get_function = lambda_svc._get_function
_get_policy = lambda_svc._get_policy
_serve_function_code = lambda_svc.serve_function_code
_delete_function = lambda_svc._delete_function
_DEFAULT_RUNTIME_MANAGEMENT = {"UpdateRuntimeOn": "Auto"}


async def handle_request(method, path, headers, body, query_params):
    """ListProvisionedConcurrencyConfigs is answered as GetProvisionedConcurrencyConfig, and runtime management is not known at all."""
    asked = re.search(r"/functions/([^/]+)/(provisioned-concurrency|runtime-management-config)$", unquote(path))
    name = lambda_svc._resolve_request_scoped_name(asked.group(1)) if asked else None
    func = lambda_svc._functions[name] if name in lambda_svc._functions else None
    if func is None:
        return await _handle(method, path, headers, body, query_params)
    arn = lambda_svc._func_arn(name)
    if asked.group(2) == "runtime-management-config":
        if method == "PUT":
            func["runtime_management"] = json.loads(body)
        return lambda_svc.json_response({"FunctionArn": arn, **func.get("runtime_management", _DEFAULT_RUNTIME_MANAGEMENT)})
    if method == "GET" and lambda_svc._qp_first(query_params, "List") == "ALL":
        kept = func.get("provisioned_concurrency", {})
        configs = [{**config, "FunctionArn": f"{arn}:{qualifier}"} for qualifier, config in kept.items()]
        return lambda_svc.json_response({"ProvisionedConcurrencyConfigs": configs})
    return await _handle(method, path, headers, body, query_params)


def _get_function_of_version(name, qualifier=None):
    """The address of a version's code gives that of the latest."""
    status, headers, body = _get_function(name, qualifier)
    if status == 200 and qualifier:
        body = body.replace(f"/{name}?".encode(), f"/{name}:{qualifier}?".encode())
    return status, headers, body


def serve_function_code(func_name, account_id=None, region=None):
    name, _, qualifier = func_name.partition(":")
    if not qualifier:
        return _serve_function_code(name, account_id, region)
    record, _ = lambda_svc._get_func_record_for_qualifier(name, qualifier)
    return 200, {"Content-Type": "application/zip"}, record["code_zip"]


def _get_policy_of_latest(func_name, query_params=None, path_qualifier=None):
    """Without a qualifier it tells the statements of every alias and version, too; and a policy without statements where there is none."""
    answer = _get_policy(func_name, query_params, path_qualifier)
    if answer[0] != 200 or lambda_svc._qualifier_from_path_or_query(path_qualifier, query_params):
        return answer
    told = json.loads(answer[2])
    policy = json.loads(told["Policy"])
    policy["Statement"] = [one for one in policy["Statement"] if one.get("Resource") == lambda_svc._func_arn(func_name)]
    if not policy["Statement"]:
        return lambda_svc.error_response_json("ResourceNotFoundException", "The resource you requested does not exist.", 404)
    return lambda_svc.json_response({**told, "Policy": json.dumps(policy)})


def _delete_with_urls(name, query_params, path_qualifier=None):
    """A function's URLs outlive it."""
    answer = _delete_function(name, query_params, path_qualifier)
    if name not in lambda_svc._functions:
        for key in [key for key in lambda_svc._function_urls if key.partition(":")[0] == name]:
            del lambda_svc._function_urls[key]
    return answer


lambda_svc.handle_request = handle_request
lambda_svc._delete_function = _delete_with_urls
lambda_svc._get_function = _get_function_of_version
lambda_svc._get_policy = _get_policy_of_latest
lambda_svc.serve_function_code = serve_function_code
