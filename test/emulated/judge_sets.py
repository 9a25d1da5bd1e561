"""Makes and looks at one application's tables, objects, parameters, secrets and functions with boto3. Usage: judge_sets.py COMMAND [PREFIX]."""

import base64
import io
import json
import sys
import zipfile

import boto3

BUCKET = "shop-uploads"
planted = json.loads(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2].startswith("{") else {}
dynamodb, s3, ssm = boto3.client("dynamodb"), boto3.client("s3"), boto3.client("ssm")
secrets, functions, iam = boto3.client("secretsmanager"), boto3.client("lambda"), boto3.client("iam")


def code(word):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.js"), f"exports.handler = async () => '{word}'")
    return packed.getvalue()


def make():
    """The application as it is backed up; `planted` names the values that nobody may see."""
    dynamodb.create_table(
        TableName="shop-orders",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        Tags=[{"Key": "team", "Value": "shop"}],
    )
    dynamodb.get_waiter("table_exists").wait(TableName="shop-orders")
    for number in range(60):
        item = {"pk": {"S": f"order-{number}"}, "total": {"N": "1E+125"}, "note": {"S": planted["item"]}}
        dynamodb.put_item(TableName="shop-orders", Item=item)
    for bucket in (BUCKET, "shop-sandbox"):
        s3.create_bucket(Bucket=bucket)
    for number in range(20):
        s3.put_object(Bucket=BUCKET, Key=f"public/{number}.txt", Body=f"upload {number}".encode(), ContentType="text/plain")
    ssm.put_parameter(Name="/shop/greeting", Type="String", Value=planted["parameter"], Description="said to all")
    ssm.put_parameter(Name="/shop/hosts", Type="StringList", Value="a.example,b.example")
    ssm.put_parameter(
        Name="/shop/db/password", Type="SecureString", Value=planted["password"], Tags=[{"Key": "owner", "Value": "ops"}]
    )
    secrets.create_secret(Name="shop/api", SecretString=planted["old"], Tags=[{"Key": "owner", "Value": "ops"}])
    secrets.put_secret_value(SecretId="shop/api", SecretString=planted["secret"])
    secrets.create_secret(Name="shop/cert", SecretBinary=planted["binary"].encode() + b"\0\xff")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(
        RoleName="shop", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )["Role"]["Arn"]
    functions.create_function(
        FunctionName="shop-checkout",
        Runtime="nodejs24.x",
        Role=role,
        Handler="index.handler",
        Code={"ZipFile": code("checkout")},
        Environment={"Variables": {"TOKEN": planted["environment"]}},
        Tags={"team": "shop"},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="shop-checkout")


def ruin():
    """Every part of it is lost or changed."""
    dynamodb.delete_table(TableName="shop-orders")
    dynamodb.get_waiter("table_not_exists").wait(TableName="shop-orders")
    for number in range(0, 20, 2):
        s3.delete_object(Bucket=BUCKET, Key=f"public/{number}.txt")
    s3.put_object(Bucket=BUCKET, Key="public/1.txt", Body=b"overwritten")
    s3.put_object(Bucket=BUCKET, Key="public/extra.txt", Body=b"extra")
    ssm.put_parameter(Name="/shop/greeting", Type="String", Value="changed", Overwrite=True)
    ssm.delete_parameter(Name="/shop/db/password")
    secrets.put_secret_value(SecretId="shop/api", SecretString="changed")
    secrets.delete_secret(SecretId="shop/cert", ForceDeleteWithoutRecovery=True)
    functions.delete_function(FunctionName="shop-checkout")


def show():
    """All of it, as far as it is to come back."""
    table = dynamodb.describe_table(TableName="shop-orders")["Table"]
    pages = dynamodb.get_paginator("scan").paginate(TableName="shop-orders")
    shown = {
        "items": sorted((item for page in pages for item in page["Items"]), key=lambda item: item["pk"]["S"]),
        "table": {name: table[name] for name in ("KeySchema", "AttributeDefinitions", "BillingModeSummary")},
        "table tags": dynamodb.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"],
        "objects": {},
        "parameters": {},
        "secrets": {},
    }
    shown["table"]["BillingModeSummary"].pop("LastUpdateToPayPerRequestDateTime", None)
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        read = s3.get_object(Bucket=BUCKET, Key=item["Key"])
        shown["objects"][item["Key"]] = [read["Body"].read().decode(), read["ContentType"]]
    described = ssm.describe_parameters(ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": ["/shop/"]}])
    for parameter in described["Parameters"]:
        name = parameter["Name"]
        value = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
        shown["parameters"][name] = [value["Type"], value["Value"], parameter.get("Description"), tags]
    for secret in secrets.list_secrets()["SecretList"]:
        stages = {}
        for version in secrets.list_secret_version_ids(SecretId=secret["Name"])["Versions"]:
            for stage in version.get("VersionStages", []):
                read = secrets.get_secret_value(SecretId=secret["Name"], VersionStage=stage)
                stages[stage] = read.get("SecretString") or base64.b64encode(read["SecretBinary"]).decode()
        shown["secrets"][secret["Name"]] = [stages, secret.get("Tags", [])]
    function = functions.get_function(FunctionName="shop-checkout")
    settings = function["Configuration"]
    shown["function"] = [
        *(settings[name] for name in ("CodeSha256", "Runtime", "Role", "Handler", "Timeout", "MemorySize")),
        settings["Environment"]["Variables"],
        function.get("Tags"),
    ]
    print(json.dumps(shown, sort_keys=True))


def stray():
    """Names of what a verification would have left behind."""
    names = dynamodb.list_tables()["TableNames"]
    names += [parameter["Name"] for parameter in ssm.describe_parameters()["Parameters"]]
    names += [secret["Name"] for secret in secrets.list_secrets()["SecretList"]]
    print(json.dumps([name for name in names if "sandbox" in name]))


if __name__ == "__main__":
    {"make": make, "ruin": ruin, "show": show, "stray": stray}[sys.argv[1]]()
