"""Makes and looks at tables with boto3, beside judge.py. Usage: judge_tables.py COMMAND ARGUMENTS."""

import base64
import hashlib
import json
import sys

import boto3

dynamodb = boto3.client("dynamodb")
LIMIT = 25  # BatchWriteItem takes 25 requests.

NUMBERS = [
    "12345678901234567890123456789012345678",
    "-12345678901234567890123456789012345678",
    "1E+125",
    "-9.9E-130",
    "9.9999999999999999999999999999999999999E+125",
    "0.0000001",
    "0",
    "-0.5",
    "123.4560",
]
NAMES = ["size", "#a", ":x", "a.b", "__proto__", "constructor", "1", "Ünïcödé", "with space", "n\nl"]


def noise(*seed):
    return hashlib.sha256(repr(seed).encode()).digest()


def nested(depth, leaf):
    for level in range(depth):
        leaf = {"L": [leaf]} if level % 2 else {"M": {f"level{level}": leaf}}
    return leaf


def item(number, generation):
    """One of ten shapes, so that ten thousand items have every type many times over."""
    bits = noise(number, generation)
    value = {
        "pk": {"S": f"customer-{number % 500}"},
        "sk": {"N": str(number)},
        "gsi": {"S": f"group-{bits[0] % 7}"},
        "lsi": {"N": NUMBERS[bits[1] % len(NUMBERS)]},
        "generation": {"N": str(generation)},
    }
    shape = number % 10
    if shape == 0:
        value |= {f"n{i}": {"N": text} for i, text in enumerate(NUMBERS)}
    elif shape == 1:
        value |= {"empty": {"S": ""}, "nothing": {"B": b""}, "list": {"L": []}, "map": {"M": {}}, "null": {"NULL": True}}
    elif shape == 2:
        value |= {"ss": {"SS": ["b", "a", "ä", "\U0001f600"]}, "ns": {"NS": NUMBERS[:8]}, "bs": {"BS": [bits, bits[:3], b"\0"]}}
    elif shape == 3:
        value["deep"] = nested(31, {"N": NUMBERS[bits[2] % len(NUMBERS)]})
    elif shape == 4:
        value |= {name: {"S": name} for name in NAMES}
    elif shape == 5:
        value |= {"binary": {"B": bits * (1 + bits[3] % 4)}, "yes": {"BOOL": True}, "no": {"BOOL": False}}
    elif shape == 6:
        value["text"] = {"S": bits.hex() * (1 + bits[4] % 4)}
    elif shape == 7:
        value["mixed"] = {"L": [{"S": ""}, {"N": "1"}, {"M": {"__proto__": {"M": {"x": {"NULL": True}}}}}, {"SS": ["x"]}]}
    elif shape == 8:
        value["expires"] = {"N": "4102444800"}
    if number == 9:
        value["large"] = {"S": "x" * 390_000}
    return value


def write(table, puts, deletes=()):
    requests = [{"PutRequest": {"Item": value}} for value in puts]
    requests += [{"DeleteRequest": {"Key": key}} for key in deletes]
    while requests:
        batch, requests = requests[:LIMIT], requests[LIMIT:]
        answer = dynamodb.batch_write_item(RequestItems={table: batch})
        requests += answer.get("UnprocessedItems", {}).get(table, [])


def create(table, kind):
    """`full`: with all that a table can have; `plain`: keys and indexes alone, as DynamoDB Local knows them."""
    extra = {}
    if kind == "full":
        extra = {
            "SSESpecification": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": sys.argv[4]},
            "Tags": [{"Key": "team", "Value": "shop"}, {"Key": "cost centre", "Value": "ä/1"}],
            "TableClass": "STANDARD_INFREQUENT_ACCESS",
            "DeletionProtectionEnabled": True,
        }
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
            {"AttributeName": "gsi", "AttributeType": "S"},
            {"AttributeName": "lsi", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-group",
                "KeySchema": [{"AttributeName": "gsi", "KeyType": "HASH"}, {"AttributeName": "lsi", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["generation", "text"]},
            }
        ],
        LocalSecondaryIndexes=[
            {
                "IndexName": "by-number",
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "lsi", "KeyType": "RANGE"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        **extra,
    )
    dynamodb.get_waiter("table_exists").wait(TableName=table)
    dynamodb.update_time_to_live(
        TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    if kind == "full":
        dynamodb.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )


def fill(table, count):
    write(table, (item(number, 1) for number in range(int(count))))


def change(table, count):
    """Of the items a tenth is changed, a twentieth deleted, and a twentieth added."""
    total = int(count)
    puts = [item(number, 2) for number in range(0, total, 10)] + [item(total + n, 2) for n in range(total // 20)]
    gone = [item(number, 1) for number in range(5, total, 20)]
    write(table, puts, [{"pk": value["pk"], "sk": value["sk"]} for value in gone])


def canonical(value):
    (kind, inner), = value.items()
    if kind in ("SS", "NS"):
        return {kind: sorted(inner)}
    if kind == "B":
        return {kind: base64.b64encode(bytes(inner)).decode()}
    if kind == "BS":
        return {kind: sorted(base64.b64encode(bytes(one)).decode() for one in inner)}
    if kind == "L":
        return {kind: [canonical(one) for one in inner]}
    if kind == "M":
        return {kind: {name: canonical(one) for name, one in inner.items()}}
    return {kind: inner}


def dump(table):
    """Every item, one JSON line each, sorted; then the count."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    lines = sorted(
        json.dumps(canonical({"M": value}), sort_keys=True) for page in pages for value in page["Items"]
    )
    print("\n".join(lines))
    print(len(lines))


VOLATILE = {
    *("TableName", "TableArn", "TableId", "CreationDateTime", "ItemCount", "TableSizeBytes", "IndexArn", "IndexSizeBytes"),
    *("LatestStreamArn", "LatestStreamLabel", "LastUpdateToPayPerRequestDateTime", "LastIncreaseDateTime"),
    *("LastDecreaseDateTime", "NumberOfDecreasesToday", "LastUpdateDateTime"),
}


def stable(value):
    if isinstance(value, dict):
        return {name: stable(inner) for name, inner in value.items() if name not in VOLATILE}
    if isinstance(value, list):
        return sorted((stable(inner) for inner in value), key=lambda inner: json.dumps(inner, sort_keys=True))
    return value


def describe(table):
    described = dynamodb.describe_table(TableName=table)["Table"]
    shown = stable(described)
    shown["ttl"] = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    try:
        shown["tags"] = stable(dynamodb.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"])
        backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
        shown["pitr"] = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    except dynamodb.exceptions.ClientError as error:
        shown["unknown"] = error.response["Error"]["Code"]
    print(json.dumps(shown, sort_keys=True))


def tables():
    print(json.dumps(sorted(dynamodb.list_tables()["TableNames"])))


def kms_key():
    print(boto3.client("kms").create_key()["KeyMetadata"]["Arn"])


COMMANDS = {
    "create": create,
    "fill": fill,
    "change": change,
    "dump": dump,
    "describe": describe,
    "tables": tables,
    "kms-key": kms_key,
}
if __name__ == "__main__":
    arguments = sys.argv[2:]
    COMMANDS[sys.argv[1]](*(arguments[:2] if sys.argv[1] == "create" else arguments))
