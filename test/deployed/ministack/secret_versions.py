# The token of a request that makes a version of a secret is the version's id (Secrets Manager API reference, CreateSecret); ministack makes up another.
import json

from ministack.services import secretsmanager

_create_secret = secretsmanager._create_secret


def _create_secret_with_token(data):
    status, headers, body = _create_secret(data)
    token = data.get("ClientRequestToken")
    if status == 200 and token:
        answer = json.loads(body)
        versions = secretsmanager._secrets[data["Name"]]["Versions"]
        versions[token] = versions.pop(answer["VersionId"])
        body = json.dumps({**answer, "VersionId": token}).encode()
    return status, headers, body


secretsmanager._create_secret = _create_secret_with_token
