# Python loads this before moto_server when this folder is on PYTHONPATH. moto's routes are regular expressions in which `.` stops at a
# line feed, so that it answers 404 to every object whose key holds one; S3 does not.
from moto.moto_server import utilities


def _match_line_feeds(self, url_map, *items):
    super(utilities.RegexConverter, self).__init__(url_map)
    self.regex = f"(?s:{items[0]})"


utilities.RegexConverter.__init__ = _match_line_feeds


# moto answers 500 with a page of HTML to an operation of DynamoDB that it does not know, which a client takes for a failure that passes;
# it forgets the class of a table and its limits of on-demand capacity, and a change of its encryption; and it refuses a new stream on a table
# whose stream was ended.
import json

from moto.core.responses import camelcase_to_underscores
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

_call_action = DynamoHandler.call_action
_describe = Table.describe
_set_stream_specification = Table.set_stream_specification


def _call_known_action(self):
    if not hasattr(self, camelcase_to_underscores(self._get_action())):
        error = {"__type": "com.amazonaws.dynamodb.v20120810#UnknownOperationException", "message": "moto does not know it"}
        return 400, {"content-type": "application/x-amz-json-1.0"}, json.dumps(error)
    return _call_action(self)


def _then_remember(operation):
    def wrapped(self):
        result = operation(self)
        table = self.dynamodb_backend.get_table(self.body["TableName"])
        for name in ("TableClass", "OnDemandThroughput"):
            if name in self.body:
                setattr(table, name, self.body[name])
        if "SSESpecification" in self.body:
            table.sse_specification = self.body["SSESpecification"]
        return result

    return wrapped


def _describe_whole(self, base_key="TableDescription"):
    described = _describe(self, base_key)
    if hasattr(self, "TableClass"):
        described[base_key]["TableClassSummary"] = {"TableClass": self.TableClass}
    if hasattr(self, "OnDemandThroughput"):
        described[base_key]["OnDemandThroughput"] = self.OnDemandThroughput
    return described


def _end_stream(self, streams):
    if streams and not streams.get("StreamEnabled"):
        self.latest_stream_label = None
    return _set_stream_specification(self, streams)


DynamoHandler.call_action = _call_known_action
DynamoHandler.create_table = _then_remember(DynamoHandler.create_table)
DynamoHandler.update_table = _then_remember(DynamoHandler.update_table)
Table.describe = _describe_whole
Table.set_stream_specification = _end_stream


# A parameter's policies are texts of JSON with their types, and an empty one removes them; moto gives objects, and keeps `[{}]` as a policy.
from moto.ssm.models import Parameter

_parameter_response = Parameter.response_object


def _policies_as_texts(self, *args, **kwargs):
    response = _parameter_response(self, *args, **kwargs)
    policies = [policy for policy in json.loads(self.policies or "[]") if policy]
    response["Policies"] = [
        {"PolicyText": json.dumps(policy), "PolicyType": policy["Type"], "PolicyStatus": "Pending"} for policy in policies
    ]
    return response


Parameter.response_object = _policies_as_texts

# Secrets Manager: GetSecretValue gives the version that has AWSCURRENT, wherever UpdateSecretVersionStage moved it; moto gives the one that was put last.
# UpdateSecret takes an empty description for none; moto keeps the old one.
# RotateSecret with RotateImmediately off changes no version and refuses a function that is not there before it changes anything; moto leaves a version
# with AWSPENDING behind, in either case, and would run the function, for which it needs Docker.
from moto.awslambda.utils import get_backend
from moto.secretsmanager.exceptions import ResourceNotFoundException
from moto.secretsmanager.models import SecretsManagerBackend

_move_stage = SecretsManagerBackend.update_secret_version_stage
_update_secret = SecretsManagerBackend.update_secret
_rotate_secret = SecretsManagerBackend.rotate_secret


def _move_stage_and_current(self, secret_id, *args, **kwargs):
    answer = _move_stage(self, secret_id, *args, **kwargs)
    secret = self.secrets[secret_id]
    for version_id, version in secret.versions.items():
        if "AWSCURRENT" in version["version_stages"]:
            secret.set_default_version_id(version_id)
    return answer


def _update_description_too(self, secret_id, *args, description=None, **kwargs):
    answer = _update_secret(self, secret_id, *args, description=description, **kwargs)
    if description == "":
        self.secrets[secret_id].description = None
    return answer


def _rotate_later(
    self, secret_id, client_request_token=None, rotation_lambda_arn=None, rotation_rules=None, rotate_immediately=True
):
    if rotate_immediately:
        return _rotate_secret(self, secret_id, client_request_token, rotation_lambda_arn, rotation_rules)
    try:
        get_backend(self.account_id, self.region_name).get_function(rotation_lambda_arn)
    except Exception:
        raise ResourceNotFoundException("Secrets Manager can't find the specified function.")
    secret = self.secrets[secret_id]
    secret.rotation_requested = secret.rotation_enabled = True
    secret.rotation_lambda_arn = rotation_lambda_arn
    secret.auto_rotate_after_days = (rotation_rules or {}).get("AutomaticallyAfterDays", 0)
    return secret.to_short_dict()


SecretsManagerBackend.update_secret_version_stage = _move_stage_and_current
SecretsManagerBackend.update_secret = _update_description_too
SecretsManagerBackend.rotate_secret = _rotate_later
