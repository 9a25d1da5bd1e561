"""Fills buckets and reads them back with boto3: the judge of what the product did, which shares no code with it.

Usage: judge.py make BUCKET… | fill BUCKET PREFIX SEED | many BUCKET COUNT | change BUCKET PREFIX | dump BUCKET PREFIX | table NAME
`dump` prints JSON: key (hex of its UTF-8 bytes, without the prefix) → content hash, size and every attribute.
`table` prints JSON of all that a table is besides its items, with its own name taken out.
The endpoint and the credentials come from the environment, as for any AWS tool.
"""

import hashlib
import json
import random
import sys

import boto3
from botocore.config import Config

s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}))

ODD_KEYS = [
    "a//b", "//", "/", "/a", "a", "a/", "a/b", ".", "..", "./x", "a/../b", "a/.",
    "\u0001", "cr\rlf\ntab\t", "a+b", "a b", "50%.jpg", "a%2Bb", "ü", "e\u0301", "😀/🎉", " leading", "trailing ",
    "\"quotes\" & <tags>", "back\\slash", "~$-_.!*'()", "\u2028\u202e",
]
ATTRIBUTES = dict(
    ContentType="application/x-test; charset=utf-8",
    CacheControl="max-age=60, public",
    ContentEncoding="identity",
    ContentDisposition='attachment; filename="x y.txt"',
    ContentLanguage="en-GB, de",
    Expires="Wed, 21 Oct 2026 07:28:00 GMT",
    Metadata={"one": "1", "two-words": "a b c", "empty": ""},
    Tagging="&".join(f"tag{n}=value%20{n}%2B" for n in range(10)),
    StorageClass="STANDARD_IA",
    WebsiteRedirectLocation="/elsewhere?x=1",
)
SIZES = [0, 1, 65_535, 65_536, (1 << 20) - 1, 1 << 20, (8 << 20) - 1, 8 << 20, (8 << 20) + 1]


def put(bucket, key, body, **attributes):
    s3.put_object(Bucket=bucket, Key=key, Body=body, **attributes)


def fill(bucket, prefix, seed):
    noise = random.Random(seed)
    for key in ODD_KEYS:
        put(bucket, prefix + key, f"content of {key!r}".encode())
    longest = 1024 - len(prefix.encode())
    put(bucket, prefix + "k" * longest, b"the longest key")
    put(bucket, prefix + "folder/", b"a folder with a body", Metadata={"kind": "folder"})
    put(bucket, prefix + "empty with metadata", b"", Metadata={"a": "b"})
    for size in SIZES:
        put(bucket, prefix + f"size/{size}", noise.randbytes(size), **ATTRIBUTES)
        put(bucket, prefix + f"plain/{size}", bytes(size))
    for n in range(1010):
        put(bucket, prefix + f"many/{n % 7}/{n:04}.json", json.dumps({"n": n, "text": "x" * (n % 90)}).encode())


def many(bucket, count):
    for n in range(int(count)):
        put(bucket, f"{n:06}.json", json.dumps({"n": n}).encode())


def change(bucket, prefix):
    put(bucket, prefix + "many/0/0000.json", b"changed")
    put(bucket, prefix + "plain/1", b"other", **ATTRIBUTES)
    put(bucket, prefix + "added/😀", b"added")
    for key in ("a//b", "size/65536", "many/1/0001.json"):
        s3.delete_object(Bucket=bucket, Key=prefix + key)


def dump(bucket, prefix):
    found = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            key = item["Key"]
            got = s3.get_object(Bucket=bucket, Key=key)
            body = got["Body"].read()
            tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
            names = ("ContentType", "CacheControl", "ContentEncoding", "ContentDisposition", "ContentLanguage",
                     "ExpiresString", "Metadata", "StorageClass", "WebsiteRedirectLocation")
            found[key[len(prefix):].encode().hex()] = {
                "sha256": hashlib.sha256(body).hexdigest(),
                "size": len(body),
                "tags": sorted((tag["Key"], tag["Value"]) for tag in tags),
                **{name: got[name] for name in names if got.get(name)},
            }
    print(json.dumps(found, sort_keys=True))


def make(*buckets):
    for bucket in buckets:
        s3.create_bucket(Bucket=bucket)
        rules = [{"ObjectOwnership": "BucketOwnerEnforced"}]  # As S3 itself makes buckets; moto does not.
        s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": rules})


def table(name):
    endpoint = {"config": Config(retries={"max_attempts": 3})}
    dynamodb, scaling = boto3.client("dynamodb", **endpoint), boto3.client("application-autoscaling", **endpoint)
    found = dynamodb.describe_table(TableName=name)["Table"]
    arn = found["TableArn"]
    of_one_table = ("TableId", "CreationDateTime", "LatestStreamLabel", "LatestStreamArn", "ItemCount", "TableSizeBytes")
    resources = [f"table/{name}"] + [f"table/{name}/index/{i['IndexName']}" for i in found.get("GlobalSecondaryIndexes", [])]
    answers = [
        {key: value for key, value in found.items() if key not in of_one_table},
        dynamodb.describe_time_to_live(TableName=name),
        dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"],
        sorted((t["Key"], t["Value"]) for p in dynamodb.get_paginator("list_tags_of_resource").paginate(ResourceArn=arn) for t in p["Tags"]),
        json.loads(dynamodb.get_resource_policy(ResourceArn=arn)["Policy"]),
        [scaling.describe_scalable_targets(ServiceNamespace="dynamodb", ResourceIds=[r])["ScalableTargets"] for r in resources],
        [scaling.describe_scaling_policies(ServiceNamespace="dynamodb", ResourceId=r)["ScalingPolicies"] for r in resources],
        [scaling.describe_scheduled_actions(ServiceNamespace="dynamodb", ResourceId=r)["ScheduledActions"] for r in resources],
    ]
    drop = ("ResponseMetadata", "PolicyARN", "ScheduledActionARN", "ScalableTargetARN", "CreationTime", "Alarms",
            "EarliestRestorableDateTime", "LatestRestorableDateTime")

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(part) for key, part in value.items() if key not in drop}
        if not isinstance(value, (list, tuple)):
            return value
        # Lists of names have no order of their own (the attributes that an index projects).
        return sorted(value) if all(isinstance(part, str) for part in value) else [plain(part) for part in value]

    print(json.dumps(plain(answers), sort_keys=True, default=str).replace(name, "NAME"))


if __name__ == "__main__":
    {"make": make, "fill": fill, "many": many, "change": change, "dump": dump, "table": table}[sys.argv[1]](*sys.argv[2:])
