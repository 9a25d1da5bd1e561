"""Requests under IAM as AWS judges them, for ministack started with AUTH=true; without that nothing here has any effect.

ministack then verifies signatures, gives each function credentials of its own role, and checks each request of a role against that role's
policies and the bucket's own; the test user is the account's root and may do anything. This bridges what it lacks: it lets through what it
cannot judge, takes some keys for others, and knows neither what a write asks for besides nor what S3 hides from who may not see it.
iam_of_services.py has what services do under a role.
"""
import functools
import logging
import re

from ministack.core import iam_actions, iam_evaluator
from ministack.core.iam_evaluator import AuthError
from ministack.core.responses import get_region, new_uuid
from ministack.core.router import extract_access_key_id
from ministack.services import s3

logger = logging.getLogger("ministack")


def auth_is_on():
    from ministack import app  # must not be loaded before the bridges are in place

    return app.AUTH


# ── Policies


class CannotJudge(Exception):
    """A policy says what neither ministack nor this bridge understands."""


# `*` and `?` stand for themselves as ${*} and ${?} (IAM user guide, "IAM policy elements: Variables and tags"); no other variable is used.
_TOKENS = re.compile(r"\$\{([*?$])\}|(\$\{)|(\*)|(\?)|([^*?$]+|\$)")


@functools.cache
def _compile_pattern(pattern, ignore_case):
    parts = []
    for literal, variable, star, mark, text in _TOKENS.findall(pattern):
        if variable:
            raise CannotJudge(f"the policy variable in {pattern} is unknown to iam_enforced.py")
        parts.append(".*" if star else "." if mark else re.escape(literal or text))
    return re.compile("".join(parts) + r"\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))


iam_evaluator._fnmatch_compile = _compile_pattern

# What a request may carry or not; of any other key that has no value nobody knows whether AWS would give it one.
_OPTIONAL_KEYS = re.compile(
    r"s3:(if-(none-)?match|objectcreationoperation|prefix|delimiter|max-keys|x-amz-(acl|grant-.*|server-side-encryption))"
    r"|aws:sourceaccount",
    re.IGNORECASE,
)
_resolve_condition_key = iam_evaluator._resolve_condition_key
_evaluate_single_condition = iam_evaluator._evaluate_single_condition


def _resolve_known_key(key, ctx):
    # Requests come over HTTP, but from this machine to itself; the TLS that a deployed stack's requests have cannot be missing here.
    if key.lower() == "aws:securetransport":
        return "true"
    value = _resolve_condition_key(key, ctx)
    if value is None and not _OPTIONAL_KEYS.fullmatch(key):
        raise CannotJudge(f"the condition key {key} is unknown to iam_enforced.py")
    return value


def _evaluate_known_condition(operator, actual, expected):
    plain = re.sub(r"^for(all|any)values?:|ifexists$", "", operator.lower())
    if plain != "null" and plain not in iam_evaluator._CONDITION_OPS:
        raise CannotJudge(f"the condition operator {operator} is unknown to iam_enforced.py")
    if not plain.endswith("like") and any("${" in str(value) for value in expected):
        raise CannotJudge(f"a policy variable in a condition with {operator} is unknown to iam_enforced.py")
    return _evaluate_single_condition(operator, actual, expected)


iam_evaluator._resolve_condition_key = _resolve_known_key
iam_evaluator._evaluate_single_condition = _evaluate_known_condition
_enforce = iam_evaluator.enforce


def _enforce_or_say(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
    try:
        return _enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
    except CannotJudge as problem:
        logger.error("IAM: refused %s on %s: %s", iam_action, resource_arn, problem)
        return AuthError("EmulatorCannotJudge", f"{iam_action} on {resource_arn}: {problem}")


iam_evaluator.enforce = _enforce_or_say

# ── Requests: which actions, on which resource, with which condition keys (Service Authorization Reference, "Amazon S3")

# Parameters that name no operation of their own.
_PLAIN = re.compile(
    r"x-id|list-type|prefix|delimiter|encoding-type|fetch-owner|max-(keys|parts|uploads)|start-after|continuation-token|marker"
    r"|(key|version-id|upload-id|part-number)-marker|versionid|partnumber|response-.+|x-amz-.+",
    re.IGNORECASE,
)
# What an object is given as it is written takes an action each (S3 API reference, PutObject and CreateMultipartUpload).
_WRITTEN_ALONG = [
    (re.compile(r"x-amz-tagging"), "s3:PutObjectTagging"),
    (re.compile(r"x-amz-acl|x-amz-grant-.+"), "s3:PutObjectAcl"),
    (re.compile(r"x-amz-object-lock-(mode|retain-until-date)"), "s3:PutObjectRetention"),
    (re.compile(r"x-amz-object-lock-legal-hold"), "s3:PutObjectLegalHold"),
]
_s3_action = iam_actions._s3_action
_extract_iam_action = iam_actions.extract_iam_action
_extract_resource_arn = iam_actions.extract_resource_arn
_s3_additional_checks = iam_actions.s3_additional_checks
_s3_service_context = iam_actions.s3_service_context
_access_denied_response = iam_actions.access_denied_response


def _bucket_and_key(path):
    """As S3 has them: slashes in a key are part of it, wherever they are."""
    bucket, _, key = path.removeprefix("/").partition("/")
    return bucket, key


def _s3_action_if_known(method, path, query_params):
    bucket, key = _bucket_and_key(path)
    level = iam_actions._S3_OBJECT_QUERY_ACTIONS if key else iam_actions._S3_BUCKET_QUERY_ACTIONS
    for name in query_params:
        tables = (level, iam_actions._S3_QUERY_ACTIONS)
        if not _PLAIN.fullmatch(name) and not any(method in table.get(name, {}) for table in tables):
            return None
    return _s3_action(method, f"/{bucket}/key" if key else f"/{bucket}", query_params)


def _extract_action_or_refuse(service, method, path, headers, body, query_params):
    action = _extract_iam_action(service, method, path, headers, body, query_params)
    # An action that no policy allows, unless it allows every action there is.
    return action or f"unknown-to-iam_enforced.py:{service} {method} {path}?{'&'.join(query_params)}"


def _extract_exact_arn(service, method, path, *rest):
    bucket, key = _bucket_and_key(path)
    if service == "s3" and key:
        return f"arn:aws:s3:::{bucket}/{key}"
    return _extract_resource_arn(service, method, path, *rest)


def _s3_checks_with_written_along(method, path, headers, body, query_params):
    checks = _s3_additional_checks(method, path, headers, body, query_params)
    bucket, key = _bucket_and_key(path)
    if key and "uploadId" not in query_params and iam_actions._s3_action(method, path, query_params) == "PutObject":
        for header, action in _WRITTEN_ALONG:
            if any(header.fullmatch(name) for name in headers):
                checks.append((action, f"arn:aws:s3:::{bucket}/{key}"))
    return checks


def _s3_context_with_writes(iam_action, query_params, path="", headers=None):
    context = _s3_service_context(iam_action, query_params, path, headers)
    if iam_action == "s3:PutObject":
        context.update({f"s3:{name}": value for name, value in (headers or {}).items() if name in ("if-match", "if-none-match")})
        makes_object = not {"uploads", "partNumber"} & (query_params or {}).keys()
        context["s3:ObjectCreationOperation"] = str(makes_object).lower()
    return context


def _deny_as_aws(service, action, principal_arn, request_id, **given):
    """The message names the resource, and JSON protocols answer 400 (IAM user guide, "Troubleshoot access denied error messages")."""
    refused = not given.get("error_code") and not given.get("message") and not given.get("resource_policy_arn")
    if refused:
        arn = given.get("resource_arn", "*")
        resource = f'"{arn}"' if service == "s3" else arn
        explicit = given.get("explicit_deny", False)
        given["message"] = iam_actions.identity_denial_message(action, principal_arn, resource, explicit)
    status, headers, body = _access_denied_response(service, action, principal_arn, request_id, **given)
    is_json = "x-amz-target" in (given.get("headers") or {})
    return (400 if refused and is_json else status), headers, body


iam_actions._s3_action = _s3_action_if_known
iam_actions.extract_iam_action = _extract_action_or_refuse
iam_actions.extract_resource_arn = _extract_exact_arn
iam_actions.s3_additional_checks = _s3_checks_with_written_along
iam_actions.s3_service_context = _s3_context_with_writes
iam_actions.access_denied_response = _deny_as_aws

# ── What a reader of S3 is not told, without a word

# S3 API reference, GetObject: who may not list gets 403 where nothing is, and some headers come only to who may read what they tell.
_TOLD_TO = {
    "x-amz-tagging-count": ("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
    "x-amz-object-lock-mode": ("s3:GetObjectRetention",),
    "x-amz-object-lock-retain-until-date": ("s3:GetObjectRetention",),
    "x-amz-object-lock-legal-hold": ("s3:GetObjectLegalHold",),
}
_dispatch = s3._dispatch


def _dispatch_to_reader(method, bucket, key, headers, body, query_params):
    status, answered, content = _dispatch(method, bucket, key, headers, body, query_params)
    if not auth_is_on() or not key or method not in ("GET", "HEAD"):
        return status, answered, content

    def refusal(action, arn):
        return iam_evaluator.enforce(extract_access_key_id(headers, query_params), action, "s3", get_region(), arn)

    bucket_arn = f"arn:aws:s3:::{bucket}"
    # The answer to HEAD has no body to tell an absent key from an absent bucket.
    absent = status == 404 and (b"<Code>NoSuchKey</Code>" in content or method == "HEAD" and s3._ensure_bucket(bucket) is not None)
    if absent and (denied := refusal("s3:ListBucket", bucket_arn)):
        return iam_actions.access_denied_response(
            "s3", "s3:ListBucket", denied.principal_arn, new_uuid(), headers=headers, resource_arn=bucket_arn
        )
    which = -1 if "versionId" in query_params else 0
    hidden = {name for name, actions in _TOLD_TO.items() if name in answered and refusal(actions[which], f"{bucket_arn}/{key}")}
    return status, {name: value for name, value in answered.items() if name not in hidden}, content


s3._dispatch = _dispatch_to_reader
