# A version of a secret has the id that its request gives it, and keeps its value (Secrets Manager API reference, ClientRequestToken of
# CreateSecret and PutSecretValue). ministack gives the first version an id of its own, and writes over a version that is there.
from ministack.services import secretsmanager

_create_secret = secretsmanager._create_secret
_put_secret_value = secretsmanager._put_secret_value


def _create_with_token(data):
    answer = _create_secret(data)
    if answer[0] != 200:
        return answer
    secret = secretsmanager._secrets[data["Name"]]
    [[made, version]] = secret["Versions"].items()
    has_value = "SecretString" in data or "SecretBinary" in data
    version_id = data.get("ClientRequestToken", made)
    secret["Versions"] = {version_id: version} if has_value else {}
    told = {"ARN": secret["ARN"], "Name": secret["Name"], **({"VersionId": version_id} if has_value else {})}
    return secretsmanager.json_response(told)


def _put_unless_taken(data):
    _, secret = secretsmanager._resolve(data.get("SecretId"))
    version = ((secret or {}).get("Versions") or {}).get(data.get("ClientRequestToken"))
    if version is None:
        return _put_secret_value(data)
    version_id = data["ClientRequestToken"]
    if any(version.get(name) != data.get(name) for name in ("SecretString", "SecretBinary")):
        message = f"The version {version_id} exists with another value."
        return secretsmanager.error_response_json("ResourceExistsException", message, 400)
    told = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": version_id, "VersionStages": list(version["Stages"])}
    return secretsmanager.json_response(told)


secretsmanager._create_secret = _create_with_token
secretsmanager._put_secret_value = _put_unless_taken
