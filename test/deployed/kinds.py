"""A shop in AWS, of one source of each kind, made, changed, wrecked and read back with boto3, which shares no code with the product.

Usage: kinds.py make | change | wreck | dump TABLE | as ROLE ACT… | told PREFIX CATALOGUE BUCKET…
`dump` prints JSON of all that a restore must bring back. Every value that must stay secret holds PLANTED. `told` prints JSON of what the
stack of which all names begin with PREFIX has let be seen: its logs, executions, catalogue, the keys in buckets, and what in these is in clear.
The endpoint and the credentials come from the environment, as for any AWS tool.
"""

import base64
import hashlib
import io
import json
import sys
import urllib.request
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

PLANTED = "p1anted-va1ue"
TABLE = "shop-orders"
BUCKET = "holdfast-kinds-uploads"
FUNCTION = "shop-mailer"
ROLE = "shop-worker"

config = Config(retries={"max_attempts": 3}, s3={"addressing_style": "path"})
dynamodb, ssm, secrets, functions, s3, iam = (
    boto3.client(name, config=config) for name in ("dynamodb", "ssm", "secretsmanager", "lambda", "s3", "iam")
)


def tags(**values):
    return [{"Key": key, "Value": value} for key, value in values.items()]


# ── The table


def item(n):
    """Each of the ten types of DynamoDB, and numbers that no float holds."""
    found = {
        "customer": {"S": f"customer-{n % 20:02}"},
        "order": {"N": str(n)},
        "day": {"S": f"2026-01-{n % 28 + 1:02}"},
        "note": {"S": f"{PLANTED}-item-{n} üñí ✓" + "x" * (n % 90)},
        "price": {"N": f"{n}.12345678901234567890123456789012345"},
        "paid": {"BOOL": n % 2 == 0},
        "expires": {"N": str(4_000_000_000 + n)},
    }
    if n % 3 == 0:
        found |= {
            "nothing": {"NULL": True},
            "raw": {"B": bytes([n % 256, 0, 255])},
            "words": {"SS": ["a", f"{PLANTED}-word-{n}"]},
            "numbers": {"NS": ["1E+125", "-9.9E-130", "0.0000001"]},
            "blobs": {"BS": [b"\x00", b"\xff\xfe"]},
            "lines": {"L": [{"M": {"sku": {"S": f"s-{n}"}, "a.b": {"L": []}}}, {"S": ""}]},
            "empty": {"M": {}},
        }
    return found


def put_items(numbers):
    requests = [{"PutRequest": {"Item": item(n)}} for n in numbers]
    for at in range(0, len(requests), 25):
        left = dynamodb.batch_write_item(RequestItems={TABLE: requests[at : at + 25]})["UnprocessedItems"]
        assert not left, left


def make_table():
    dynamodb.create_table(
        TableName=TABLE,
        AttributeDefinitions=[
            {"AttributeName": "customer", "AttributeType": "S"},
            {"AttributeName": "order", "AttributeType": "N"},
            {"AttributeName": "day", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "customer", "KeyType": "HASH"}, {"AttributeName": "order", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-day",
                "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}, {"AttributeName": "order", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["paid", "price"]},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        Tags=tags(team="shop", stage="prod"),
    )
    dynamodb.update_time_to_live(TableName=TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    dynamodb.update_continuous_backups(
        TableName=TABLE, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    put_items(range(200))


def make_archive():
    """A table that DynamoDB itself exports."""
    dynamodb.create_table(
        TableName="shop-archive",
        AttributeDefinitions=[{"AttributeName": "order", "AttributeType": "N"}],
        KeySchema=[{"AttributeName": "order", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.update_continuous_backups(
        TableName="shop-archive", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    for n in range(50):
        dynamodb.put_item(TableName="shop-archive", Item=item(n))


def dump_table(name):
    described = dynamodb.describe_table(TableName=name)["Table"]
    names = ("AttributeDefinitions", "KeySchema", "BillingModeSummary", "GlobalSecondaryIndexes", "TableClassSummary",
             "DeletionProtectionEnabled", "StreamSpecification", "SSEDescription")
    items = [one for page in dynamodb.get_paginator("scan").paginate(TableName=name) for one in page["Items"]]
    arn = described["TableArn"]
    return {
        "settings": plain({key: described.get(key) for key in names}),
        "ttl": dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"],
        "pitr": dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"][
            "PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "tags": sorted((t["Key"], t["Value"]) for t in dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]),
        "items": sorted((json.dumps(plain(one), sort_keys=True, default=encoded) for one in items)),
    }


def plain(value):
    """Without the order that sets and definitions have not, and what is of one table and one moment."""
    drop = ("IndexArn", "IndexSizeBytes", "ItemCount", "LastUpdateToPayPerRequestDateTime")
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items() if key not in drop}
    if not isinstance(value, list):
        return value
    if all(isinstance(part, dict) and "AttributeType" in part for part in value):
        return sorted(value, key=lambda part: part["AttributeName"])
    return sorted(value) if all(isinstance(part, (str, bytes)) for part in value) else [plain(part) for part in value]


def encoded(value):
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


# ── Parameters


def make_parameters():
    ssm.put_parameter(Name="/shop/url", Type="String", Value=f"https://{PLANTED}-url.example", Description="where it is",
                      Tags=tags(team="shop"))
    ssm.put_parameter(Name="/shop/db/password", Type="SecureString", Value=f"{PLANTED}-old-password")
    ssm.put_parameter(Name="/shop/db/password", Type="SecureString", Value=f"{PLANTED}-password", Overwrite=True)
    ssm.label_parameter_version(Name="/shop/db/password", ParameterVersion=2, Labels=["live"])
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId="/shop/db/password", Tags=tags(secret="yes"))
    ssm.put_parameter(Name="/shop/hosts", Type="StringList", Value=f"a,{PLANTED}-host")
    # Not of the source, and never touched.
    ssm.put_parameter(Name="/shopping/list", Type="String", Value="milk")


def dump_parameters():
    found = {}
    for page in ssm.get_paginator("describe_parameters").paginate():
        for meta in page["Parameters"]:
            name = meta["Name"]
            if not name.startswith("/shop"):
                continue
            history = [v for p in ssm.get_paginator("get_parameter_history").paginate(Name=name) for v in p["Parameters"]]
            found[name] = {
                "value": ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"],
                **{key: meta.get(key) for key in ("Type", "Description", "Tier", "KeyId", "DataType", "AllowedPattern")},
                "labels": history[-1].get("Labels", []),
                "tags": sorted((t["Key"], t["Value"]) for t in ssm.list_tags_for_resource(
                    ResourceType="Parameter", ResourceId=name)["TagList"]),
            }
    return found


# ── Secrets


def make_secrets():
    secrets.create_secret(Name="shop/db", SecretString=f"{PLANTED}-old-secret", Description="the database", Tags=tags(team="shop"))
    secrets.put_secret_value(SecretId="shop/db", SecretString=f"{PLANTED}-secret")
    secrets.create_secret(Name="shop/key", SecretBinary=f"\0{PLANTED}-binary\xff".encode("latin1"))


def dump_secrets():
    found = {}
    for page in secrets.get_paginator("list_secrets").paginate():
        for name in (one["Name"] for one in page["SecretList"] if one["Name"].startswith("shop")):
            described = secrets.describe_secret(SecretId=name)
            stages = {}
            for version, labels in described["VersionIdsToStages"].items():
                got = secrets.get_secret_value(SecretId=name, VersionId=version)
                value = got.get("SecretString") or base64.b64encode(got["SecretBinary"]).decode()
                stages |= {label: value for label in labels}
            found[name] = {
                "stages": stages,
                "description": described.get("Description"),
                "tags": sorted((t["Key"], t["Value"]) for t in described.get("Tags", [])),
            }
    return found


# ── The function


def code(text):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.js"), f"exports.handler = async () => '{text} ' + process.env.GREETING;")
    return packed.getvalue()


def make_function():
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName=ROLE, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))["Role"]["Arn"]
    functions.create_function(
        FunctionName=FUNCTION, Runtime="nodejs20.x", Handler="index.handler", Role=role, Code={"ZipFile": code("first")},
        Environment={"Variables": {"GREETING": f"{PLANTED}-environment"}}, Timeout=7, MemorySize=256,
        Description="mails", Tags={"team": "shop"}, Publish=True,
    )
    functions.create_alias(FunctionName=FUNCTION, Name="live", FunctionVersion="1")
    functions.update_function_code(FunctionName=FUNCTION, ZipFile=code("second"))


def dump_function():
    names = [f["FunctionName"] for p in functions.get_paginator("list_functions").paginate() for f in p["Functions"]]
    found = {}
    for name in (one for one in names if one.startswith("shop-")):
        got = functions.get_function(FunctionName=name)
        with urllib.request.urlopen(got["Code"]["Location"]) as answer:
            sha = base64.b64encode(hashlib.sha256(answer.read()).digest()).decode()
        of_function = ("Runtime", "Handler", "Role", "Timeout", "MemorySize", "Description", "Environment", "CodeSha256")
        aliases = functions.list_aliases(FunctionName=name)["Aliases"]
        found[name] = {
            **{key: got["Configuration"].get(key) for key in of_function},
            "downloaded": sha,
            "tags": got.get("Tags", {}),
            "aliases": {
                alias["Name"]: functions.get_function(FunctionName=name, Qualifier=alias["Name"])["Configuration"]["CodeSha256"]
                for alias in aliases
            },
            "says": json.loads(functions.invoke(FunctionName=name)["Payload"].read()),
        }
    return found


# ── The bucket


def make_bucket():
    s3.create_bucket(Bucket=BUCKET)
    rules = [{"ObjectOwnership": "BucketOwnerEnforced"}]
    s3.put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls={"Rules": rules})
    for n in range(5):
        s3.put_object(Bucket=BUCKET, Key=f"{n}.txt", Body=f"{PLANTED}-object-{n}".encode(), Metadata={"n": str(n)})


def dump_bucket():
    keys = [one["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET) for one in page.get("Contents", [])]
    got = {key: s3.get_object(Bucket=BUCKET, Key=key) for key in keys}
    return {key: [one["Body"].read().decode(), one["Metadata"]] for key, one in got.items()}


def make():
    for part in (make_table, make_archive, make_parameters, make_secrets, make_function, make_bucket):
        part()


def change():
    """A little of everything, for an increment."""
    put_items([200, 201])
    dynamodb.put_item(TableName=TABLE, Item={**item(7), "note": {"S": f"{PLANTED}-changed"}})
    dynamodb.delete_item(TableName=TABLE, Key={name: item(8)[name] for name in ("customer", "order")})
    ssm.put_parameter(Name="/shop/url", Type="String", Value=f"https://{PLANTED}-new.example", Overwrite=True)
    ssm.put_parameter(Name="/shop/added", Type="String", Value=f"{PLANTED}-added")
    secrets.put_secret_value(SecretId="shop/db", SecretString=f"{PLANTED}-newest-secret")
    functions.update_function_configuration(
        FunctionName=FUNCTION, Environment={"Variables": {"GREETING": f"{PLANTED}-greeting"}})
    s3.put_object(Bucket=BUCKET, Key="0.txt", Body=f"{PLANTED}-object-changed".encode())


def wreck():
    """Some of everything is changed, some deleted, and something added."""
    for n in range(0, 60):
        dynamodb.delete_item(TableName=TABLE, Key={name: item(n)[name] for name in ("customer", "order")})
    dynamodb.put_item(TableName=TABLE, Item={**item(100), "note": {"S": "wrecked"}})
    dynamodb.put_item(TableName=TABLE, Item={"customer": {"S": "nobody"}, "order": {"N": "-1"}})
    ssm.put_parameter(Name="/shop/url", Type="String", Value="wrecked", Overwrite=True)
    ssm.delete_parameter(Name="/shop/db/password")
    ssm.put_parameter(Name="/shop/later", Type="String", Value="later")
    secrets.put_secret_value(SecretId="shop/db", SecretString="wrecked")
    secrets.delete_secret(SecretId="shop/key", ForceDeleteWithoutRecovery=True)
    secrets.create_secret(Name="shop/later", SecretString="later")
    functions.delete_function(FunctionName=FUNCTION)
    s3.delete_object(Bucket=BUCKET, Key="1.txt")
    s3.put_object(Bucket=BUCKET, Key="2.txt", Body=b"wrecked")


def dump(table):
    found = {
        "table": dump_table(table), "parameters": dump_parameters(), "secrets": dump_secrets(),
        "functions": dump_function(), "objects": dump_bucket(),
    }
    print(json.dumps(found, sort_keys=True, default=encoded))


# ── What a role may do


ACTS = {
    "scan the table": lambda c: c("dynamodb").scan(TableName=TABLE, Limit=1),
    "scan the catalogue": lambda c: c("dynamodb").scan(TableName=catalogue_of_stack(), Limit=1),
    "put an item": lambda c: c("dynamodb").put_item(TableName=TABLE, Item=item(0)),
    "put items": lambda c: c("dynamodb").batch_write_item(RequestItems={TABLE: [{"PutRequest": {"Item": item(0)}}]}),
    "update the table": lambda c: c("dynamodb").update_table(TableName=TABLE, DeletionProtectionEnabled=False),
    "delete the table": lambda c: c("dynamodb").delete_table(TableName=TABLE),
    "read a parameter": lambda c: c("ssm").get_parameter(Name="/shop/db/password", WithDecryption=True),
    "read a parameter of others": lambda c: c("ssm").get_parameter(Name="/shopping/list"),
    "put a parameter": lambda c: c("ssm").put_parameter(Name="/shop/url", Value="stolen", Overwrite=True),
    "delete a parameter": lambda c: c("ssm").delete_parameter(Name="/shop/url"),
    "read a secret": lambda c: c("secretsmanager").get_secret_value(SecretId="shop/db"),
    "put a secret": lambda c: c("secretsmanager").put_secret_value(SecretId="shop/db", SecretString="stolen"),
    "delete a secret": lambda c: c("secretsmanager").delete_secret(SecretId="shop/db"),
    "read the function": lambda c: c("lambda").get_function(FunctionName=FUNCTION),
    "change the function": lambda c: c("lambda").update_function_configuration(FunctionName=FUNCTION, Timeout=7),
    "pass its role": lambda c: c("lambda").update_function_configuration(FunctionName=FUNCTION, Role=arn_of(ROLE)),
    "pass another role": lambda c: c("lambda").update_function_configuration(FunctionName=FUNCTION, Role=arn_of("administrator")),
    "delete the function": lambda c: c("lambda").delete_function(FunctionName=FUNCTION),
}


def arn_of(role):
    return f"arn:aws:iam::000000000000:role/{role}"


def catalogue_of_stack():
    return next(name for name in dynamodb.list_tables()["TableNames"] if "CatalogueTable" in name)


def as_role(role, *acts):
    """What comes of each act when the role tries it: `allowed`, or the error's code."""
    got = boto3.client("sts", config=config).assume_role(RoleArn=arn_of(role), RoleSessionName="thief")["Credentials"]
    session = boto3.Session(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
    clients = {}

    def client(name):
        return clients.setdefault(name, session.client(name, config=config))

    found = {}
    for act in acts or ACTS:
        try:
            ACTS[act](client)
            found[act] = "allowed"
        except ClientError as error:
            found[act] = error.response["Error"]["Code"]
    print(json.dumps(found))


# ── What is to be seen of all that


def told(prefix, catalogue, *buckets):
    logs, machines = boto3.client("logs", config=config), boto3.client("stepfunctions", config=config)
    groups = [g["logGroupName"] for p in logs.get_paginator("describe_log_groups").paginate() for g in p["logGroups"]]
    found = {"logs": [], "executions": [], "catalogue": [], "keys": [], "inClear": []}
    for group in (one for one in groups if prefix in one):
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            found["logs"] += [event["message"] for event in page["events"]]
    for machine in machines.list_state_machines()["stateMachines"]:
        arns = [e["executionArn"] for e in executions_of(machines, stateMachineArn=machine["stateMachineArn"])]
        for arn in arns:
            arns += [
                child["executionArn"]
                for run in machines.list_map_runs(executionArn=arn)["mapRuns"]
                for child in executions_of(machines, mapRunArn=run["mapRunArn"])
            ]
            described = machines.describe_execution(executionArn=arn)
            events = [e for p in machines.get_paginator("get_execution_history").paginate(executionArn=arn) for e in p["events"]]
            found["executions"].append(json.dumps([described, events], default=str))
    for page in dynamodb.get_paginator("scan").paginate(TableName=catalogue):
        found["catalogue"] += [json.dumps(one, default=encoded) for one in page["Items"]]
    for bucket in buckets:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for key in (one["Key"] for one in page.get("Contents", [])):
                found["keys"].append(key)
                if PLANTED.encode() in s3.get_object(Bucket=bucket, Key=key)["Body"].read():
                    found["inClear"].append(key)
    print(json.dumps(found))


def executions_of(machines, **which):
    return [e for p in machines.get_paginator("list_executions").paginate(**which) for e in p["executions"]]


if __name__ == "__main__":
    {"make": make, "change": change, "wreck": wreck, "dump": dump, "as": as_role, "told": told}[sys.argv[1]](*sys.argv[2:])
