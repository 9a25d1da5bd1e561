"""Run as iam_enforced_test.py says."""
import asyncio
import json
import unittest

from iam_enforced_test import allow, judged, make_role

import iam_of_sources
import table_exports  # noqa: F401
from ministack.core import iam_actions
from ministack.services import dynamodb, lambda_svc, secretsmanager, ssm

ACCOUNT = "eu-west-1:000000000000"
TABLE = f"arn:aws:dynamodb:{ACCOUNT}:table/t"
FUNCTION = f"arn:aws:lambda:{ACCOUNT}:function:f"
LAYER = f"arn:aws:lambda:{ACCOUNT}:layer:l"
ROLE = "arn:aws:iam::000000000000:role/of-functions"
SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=ASIAWORKER/20300101/eu-west-1/x/aws4_request"}


def asked(service, method, path, query=None, body=None, target=None):
    """What is asked for a request, as `action resource`."""
    headers = {"x-amz-target": target} if target else {}
    query = {name: [value] for name, value in (query or {}).items()}
    sent = json.dumps(body or {}).encode()
    action = iam_actions.extract_iam_action(service, method, path, headers, sent, query)
    arn = iam_actions.extract_resource_arn(service, method, path, headers, sent, query, *ACCOUNT.split(":"))
    return [f"{action} {arn}"] + [f"{one} {on}" for one, on, _ in iam_of_sources.further_checks(action, arn, sent)]


def send(module, method, path, body=None, target=None, query=None):
    headers = {**SIGNED, **({"x-amz-target": target} if target else {})}
    status, _, content = asyncio.run(module.handle_request(method, path, headers, json.dumps(body or {}).encode(), query or {}))
    return status, json.loads(content or b"{}")


class Requests(unittest.TestCase):
    def test_functions(self):
        base = "/2015-03-31/functions"
        for request, action, arn in [
            (("GET", f"{base}/"), "ListFunctions", "*"),
            (("GET", f"{base}/f"), "GetFunction", FUNCTION),
            (("GET", f"{base}/f", {"Qualifier": "2"}), "GetFunction", f"{FUNCTION}:2"),
            (("GET", f"{base}/f/configuration"), "GetFunctionConfiguration", FUNCTION),
            (("POST", base, None, {"FunctionName": "f"}), "CreateFunction", FUNCTION),
            (("DELETE", f"{base}/f"), "DeleteFunction", FUNCTION),
            (("PUT", f"{base}/f/code"), "UpdateFunctionCode", FUNCTION),
            (("PUT", f"{base}/f/configuration"), "UpdateFunctionConfiguration", FUNCTION),
            (("GET", f"{base}/f/versions"), "ListVersionsByFunction", FUNCTION),
            (("POST", f"{base}/f/versions"), "PublishVersion", FUNCTION),
            (("GET", f"{base}/f/aliases"), "ListAliases", FUNCTION),
            (("PUT", f"{base}/f/aliases/live"), "UpdateAlias", FUNCTION),
            (("DELETE", f"{base}/f/aliases/live"), "DeleteAlias", FUNCTION),
            (("GET", f"{base}/f/policy", {"Qualifier": "live"}), "GetPolicy", f"{FUNCTION}:live"),
            (("POST", f"{base}/f/policy"), "AddPermission", FUNCTION),
            (("DELETE", f"{base}/f/policy/sid"), "RemovePermission", FUNCTION),
            (("POST", f"{base}/f/invocations"), "InvokeFunction", FUNCTION),
            (("PUT", "/2017-10-31/functions/f/concurrency"), "PutFunctionConcurrency", FUNCTION),
            (("DELETE", "/2017-10-31/functions/f/concurrency"), "DeleteFunctionConcurrency", FUNCTION),
            (("GET", "/2019-09-30/functions/f/concurrency"), "GetFunctionConcurrency", FUNCTION),
            (("GET", "/2019-09-30/functions/f/provisioned-concurrency", {"List": "ALL"}), "ListProvisionedConcurrencyConfigs", FUNCTION),
            (("GET", "/2019-09-25/functions/f/event-invoke-config/list"), "ListFunctionEventInvokeConfigs", FUNCTION),
            (("GET", "/2020-06-30/functions/f/code-signing-config"), "GetFunctionCodeSigningConfig", FUNCTION),
            (("GET", "/2021-07-20/functions/f/runtime-management-config"), "GetRuntimeManagementConfig", FUNCTION),
            (("GET", "/2021-10-31/functions/f/urls"), "ListFunctionUrlConfigs", FUNCTION),
            (("GET", "/2024-08-31/functions/f/recursion-config"), "GetFunctionRecursionConfig", FUNCTION),
            (("GET", f"/2017-03-31/tags/{FUNCTION}"), "ListTags", FUNCTION),
            (("GET", "/2015-03-31/event-source-mappings/", {"FunctionName": "f"}), "ListEventSourceMappings", "*"),
            (("GET", "/2018-10-31/layers/l/versions/3"), "GetLayerVersion", f"{LAYER}:3"),
            (("GET", "/2018-10-31/layers", {"find": "LayerVersion", "Arn": f"{LAYER}:3"}), "GetLayerVersion", f"{LAYER}:3"),
            (("POST", "/2018-10-31/layers/l/versions"), "PublishLayerVersion", LAYER),
        ]:
            self.assertEqual(asked("lambda", *request), [f"lambda:{action} {arn}"], request)

    def test_an_unknown_request_takes_an_action_that_no_policy_names(self):
        make_role(allow("lambda:*"))
        action, arn = asked("lambda", "PATCH", "/2015-03-31/functions/f/made-up")[0].rsplit(" ", 1)
        self.assertRegex(action, "^unknown-to-iam_of_sources.py:lambda ")
        self.assertEqual(judged(action, arn), "denied")

    def test_a_function_is_given_no_role_and_no_layer_that_may_not_be_passed_on(self):
        body = {"FunctionName": "f", "Role": ROLE, "Layers": [f"{LAYER}:3"], "Tags": {"a": "b"}}
        along = [f"lambda:TagResource {FUNCTION}", f"iam:PassRole {ROLE}", f"lambda:GetLayerVersion {LAYER}:3"]
        self.assertEqual(asked("lambda", "POST", "/2015-03-31/functions", None, body)[1:], along)
        change = asked("lambda", "PUT", "/2015-03-31/functions/f/configuration", None, {"Role": ROLE})
        self.assertEqual(change[1:], [f"iam:PassRole {ROLE}"])

    def test_tables(self):
        for operation, body, wanted in [
            ("DescribeContributorInsights", {"TableName": "t", "IndexName": "i"}, [f"DescribeContributorInsights {TABLE}/index/i"]),
            ("ListTagsOfResource", {"ResourceArn": TABLE}, [f"ListTagsOfResource {TABLE}"]),
            ("PutResourcePolicy", {"ResourceArn": TABLE, "Policy": "{}"}, [f"PutResourcePolicy {TABLE}"]),
            ("DescribeExport", {"ExportArn": f"{TABLE}/export/1"}, [f"DescribeExport {TABLE}/export/1"]),
            ("CreateTable", {"TableName": "t"}, [f"CreateTable {TABLE}"]),
            ("CreateTable", {"TableName": "t", "Tags": [{}]}, [f"CreateTable {TABLE}", f"TagResource {TABLE}"]),
        ]:
            target = f"DynamoDB_20120810.{operation}"
            self.assertEqual(asked("dynamodb", "POST", "/", None, body, target), [f"dynamodb:{one}" for one in wanted])

    def test_an_export_writes_with_the_rights_of_who_asks_for_it(self):
        body = {"TableArn": TABLE, "S3Bucket": "b", "S3Prefix": "p"}
        files = "arn:aws:s3:::b/p/AWSDynamoDB/new"
        along = [f"s3:{action} {files}" for action in ("PutObject", "PutObjectAcl", "AbortMultipartUpload")]
        target = "DynamoDB_20120810.ExportTableToPointInTime"
        self.assertEqual(asked("dynamodb", "POST", "/", None, body, target), [f"dynamodb:ExportTableToPointInTime {TABLE}", *along])

    def test_auto_scaling_is_not_that_of_machines(self):
        target = "AnyScaleFrontendService.DescribeScalableTargets"
        wanted = ["application-autoscaling:DescribeScalableTargets *"]
        self.assertEqual(asked("autoscaling", "POST", "/", None, {"ServiceNamespace": "dynamodb"}, target), wanted)

    def test_parameters(self):
        parameter = f"arn:aws:ssm:{ACCOUNT}:parameter/a/b"
        for operation, body, wanted in [
            ("GetParameter", {"Name": "/a/b:3"}, [f"GetParameter {parameter}"]),
            ("DescribeParameters", {}, ["DescribeParameters *"]),
            ("ListTagsForResource", {"ResourceType": "Parameter", "ResourceId": "/a/b"}, [f"ListTagsForResource {parameter}"]),
            ("PutParameter", {"Name": "/a/b", "Tags": [{}]}, [f"PutParameter {parameter}", f"AddTagsToResource {parameter}"]),
        ]:
            self.assertEqual(asked("ssm", "POST", "/", None, body, f"AmazonSSM.{operation}"), [f"ssm:{one}" for one in wanted])

    def test_secrets(self):
        secret = f"arn:aws:secretsmanager:{ACCOUNT}:secret:s"
        body = {"Name": "s", "Tags": [{}], "AddReplicaRegions": [{}]}
        wanted = [f"secretsmanager:{one} {secret}" for one in ("CreateSecret", "TagResource", "ReplicateSecretToRegions")]
        self.assertEqual(asked("secretsmanager", "POST", "/", None, body, "secretsmanager.CreateSecret"), wanted)


class Services(unittest.TestCase):
    def setUp(self):
        for module in (dynamodb, ssm, secretsmanager, lambda_svc):
            module.reset()

    def test_what_is_asked_for_besides_is_refused_by_name(self):
        body = {"Name": "/a", "Type": "String", "Value": "x", "Tags": [{"Key": "k", "Value": "v"}]}
        make_role(allow("ssm:PutParameter"))
        status, said = send(ssm, "POST", "/", body, "AmazonSSM.PutParameter")
        self.assertEqual((status, said["__type"]), (400, "AccessDeniedException"))
        self.assertIn("ssm:AddTagsToResource", said["Message"])
        make_role(allow("ssm:*"))
        self.assertEqual(send(ssm, "POST", "/", body, "AmazonSSM.PutParameter")[0], 200)

    def test_a_role_is_passed_to_functions_where_the_policy_says_so(self):
        pass_role = allow("iam:PassRole", ROLE, Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}})
        change = ("PUT", "/2015-03-31/functions/f/configuration", {"Role": ROLE})
        make_role(allow("lambda:*"))
        self.assertEqual(send(lambda_svc, *change)[0], 403)
        make_role(allow("lambda:*"), pass_role)
        self.assertEqual(send(lambda_svc, *change)[0], 404)

    def test_who_may_not_list_tags_of_a_function_is_not_told_them(self):
        config = {"FunctionName": "f", "FunctionArn": FUNCTION, "Version": "$LATEST"}
        policy = {"Version": "2012-10-17", "Statement": []}
        lambda_svc._functions["f"] = {"config": config, "tags": {"a": "b"}, "versions": {}, "aliases": {}, "policy": policy}
        make_role(allow("lambda:GetFunction"))
        status, found = send(lambda_svc, "GET", "/2015-03-31/functions/f")
        self.assertEqual((status, "Tags" in found), (200, False))
        make_role(allow(["lambda:GetFunction", "lambda:ListTags"]))
        self.assertEqual(send(lambda_svc, "GET", "/2015-03-31/functions/f")[1]["Tags"], {"a": "b"})


if __name__ == "__main__":
    unittest.main()
