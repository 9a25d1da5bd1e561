"""`python3 -m unittest iam_enforced_test iam_of_services_test` in this folder, with the Python that ministack is installed in."""
import json
import os
import unittest

os.environ.update(AUTH="true", LOG_LEVEL="CRITICAL", MINISTACK_REGION="eu-west-1")

import iam_enforced  # noqa: F401
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import set_request_region
from ministack.services import iam, s3, sts

set_request_region("eu-west-1")
VAULT = "arn:aws:s3:::vault"
BLOB = f"{VAULT}/packs/1"
ROLE = "arn:aws:iam::000000000000:role/worker"


def allow(actions, resources="*", **more):
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def make_role(*statements, trusted="lambda.amazonaws.com", condition=None):
    """The role `worker`, and a session of it whose access key is ASIAWORKER."""
    trust = {"Effect": "Allow", "Principal": {"Service": trusted}, "Action": "sts:AssumeRole"}
    iam._roles["worker"] = {
        "Arn": ROLE,
        "AssumeRolePolicyDocument": json.dumps({"Statement": [{**trust, **({"Condition": condition} if condition else {})}]}),
        "InlinePolicies": {"holdfast": json.dumps({"Version": "2012-10-17", "Statement": statements})},
    }
    arn = "arn:aws:sts::000000000000:assumed-role/worker/session"
    sts.register_session("ASIAWORKER", {"Arn": arn, "UserId": "worker:session", "SecretAccessKey": "secret"})


def judged(action, resource, **context):
    """`allowed`, `denied`, or why it cannot be judged."""
    outcome = iam_evaluator.enforce("ASIAWORKER", action, action.partition(":")[0], "eu-west-1", resource, context)
    if isinstance(outcome, iam_evaluator.AuthError):
        return f"{outcome.code}: {outcome.message}"
    return "allowed" if outcome is None else "denied"


class Policies(unittest.TestCase):
    def test_what_no_policy_allows_is_denied(self):
        make_role(allow(["s3:GetObject"], [f"{VAULT}/*"]))
        self.assertEqual(judged("s3:GetObject", BLOB), "allowed")
        self.assertEqual(judged("s3:PutObject", BLOB), "denied")
        self.assertEqual(judged("s3:GetObject", VAULT), "denied")

    def test_a_deny_wins_over_an_allow(self):
        make_role(allow("s3:*"), {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": f"{VAULT}/*"})
        self.assertEqual(judged("s3:DeleteObject", BLOB), "denied")
        self.assertEqual(judged("s3:DeleteObject", "arn:aws:s3:::other/1"), "allowed")

    def test_actions_match_in_any_case_and_resources_in_their_own(self):
        make_role(allow("S3:getobject*", "arn:aws:s3:::va?lt/A*"))
        self.assertEqual(judged("s3:GetObjectVersion", "arn:aws:s3:::vault/A\n1"), "allowed")
        self.assertEqual(judged("s3:GetObject", "arn:aws:s3:::vault/a1"), "denied")
        self.assertEqual(judged("s3:GetObject", "arn:aws:s3:::vaalt/A"), "allowed")

    def test_escaped_wildcards_stand_for_themselves(self):
        make_role(allow("s3:GetObject", f"{VAULT}/a${{*}}b${{?}}${{$}}/*"))
        self.assertEqual(judged("s3:GetObject", f"{VAULT}/a*b?$/1"), "allowed")
        self.assertEqual(judged("s3:GetObject", f"{VAULT}/axxb1$/1"), "denied")

    def test_conditions_of_the_stack_are_judged(self):
        make_role(allow("s3:PutObject", f"{VAULT}/*", Condition={"Null": {"s3:if-none-match": "false"}}))
        self.assertEqual(judged("s3:PutObject", BLOB, **{"s3:if-none-match": "*"}), "allowed")
        self.assertEqual(judged("s3:PutObject", BLOB), "denied")
        for operator, expected, verdict in [
            ("StringEquals", "photos/", "allowed"),
            ("StringEquals", "photo*", "denied"),
            ("StringLike", ["x", "photo*"], "allowed"),
        ]:
            make_role(allow("s3:ListBucket", VAULT, Condition={operator: {"s3:prefix": expected}}))
            self.assertEqual(judged("s3:ListBucket", VAULT, **{"s3:prefix": "photos/"}), verdict)

    def test_requests_count_as_sent_over_tls(self):
        tls_only = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
        make_role(allow("s3:GetObject"), tls_only)
        self.assertEqual(judged("s3:GetObject", BLOB), "allowed")

    def test_what_cannot_be_judged_is_refused_and_said(self):
        for effect in ("Allow", "Deny"):
            for condition, said in [
                ({"StringSounds": {"s3:prefix": "x"}}, "condition operator StringSounds"),
                ({"StringEquals": {"s3:madeUp": "x"}}, "condition key s3:madeUp"),
                ({"StringEquals": {"s3:prefix": "${aws:username}"}}, "policy variable"),
            ]:
                make_role({"Effect": effect, "Action": "s3:ListBucket", "Resource": "*", "Condition": condition})
                self.assertRegex(judged("s3:ListBucket", VAULT), f"^EmulatorCannotJudge: .*{said}")
        make_role(allow("s3:GetObject", f"{VAULT}/${{aws:username}}/*"))
        self.assertRegex(judged("s3:GetObject", BLOB), "^EmulatorCannotJudge: .*policy variable")

    def test_the_test_user_may_do_anything(self):
        self.assertIsNone(iam_evaluator.enforce("test", "s3:DeleteBucket", "s3", "eu-west-1", VAULT))


def checks(method, path, query=(), **headers):
    """What is asked for a request to S3, as `action resource`."""
    query = dict.fromkeys(query, ["1"])
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    action = iam_actions.extract_iam_action("s3", method, path, headers, b"", query)
    resource = iam_actions.extract_resource_arn("s3", method, path, headers, b"", query, "eu-west-1", "000000000000")
    more = iam_actions.s3_additional_checks(method, path, headers, b"", query)
    return [f"{one} {arn.removeprefix('arn:aws:s3:::')}" for one, arn in [(action, resource), *more]]


# Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3": where an action is not called as its operation.
SETTINGS = {
    "accelerate": ("s3:GetAccelerateConfiguration", "s3:PutAccelerateConfiguration"),
    "cors": ("s3:GetBucketCORS", "s3:PutBucketCORS"),
    "encryption": ("s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration"),
    "lifecycle": ("s3:GetLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
    "logging": ("s3:GetBucketLogging", "s3:PutBucketLogging"),
    "notification": ("s3:GetBucketNotification", "s3:PutBucketNotification"),
    "object-lock": ("s3:GetBucketObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration"),
    "ownershipControls": ("s3:GetBucketOwnershipControls", "s3:PutBucketOwnershipControls"),
    "policy": ("s3:GetBucketPolicy", "s3:PutBucketPolicy"),
    "publicAccessBlock": ("s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    "replication": ("s3:GetReplicationConfiguration", "s3:PutReplicationConfiguration"),
    "requestPayment": ("s3:GetBucketRequestPayment", "s3:PutBucketRequestPayment"),
    "tagging": ("s3:GetBucketTagging", "s3:PutBucketTagging"),
    "versioning": ("s3:GetBucketVersioning", "s3:PutBucketVersioning"),
    "website": ("s3:GetBucketWebsite", "s3:PutBucketWebsite"),
}


class Requests(unittest.TestCase):
    def test_objects(self):
        for request, asked in [
            (("GET", "/b/k", ["x-id"]), ["s3:GetObject b/k"]),
            (("GET", "/b/k", ["versionId"]), ["s3:GetObjectVersion b/k"]),
            (("HEAD", "/b/k"), ["s3:GetObject b/k"]),
            (("HEAD", "/b/k", ["versionId"]), ["s3:GetObjectVersion b/k"]),
            (("GET", "/b/k", ["tagging"]), ["s3:GetObjectTagging b/k"]),
            (("GET", "/b/k", ["tagging", "versionId"]), ["s3:GetObjectVersionTagging b/k"]),
            (("GET", "/b/k", ["acl", "versionId"]), ["s3:GetObjectVersionAcl b/k"]),
            (("GET", "/b/k", ["retention"]), ["s3:GetObjectRetention b/k"]),
            (("GET", "/b/k", ["legal-hold"]), ["s3:GetObjectLegalHold b/k"]),
            (("PUT", "/b/k"), ["s3:PutObject b/k"]),
            (("PUT", "/b/k", ["tagging"]), ["s3:PutObjectTagging b/k"]),
            (("PUT", "/b/k", ["acl"]), ["s3:PutObjectAcl b/k"]),
            (("POST", "/b/k", ["uploads"]), ["s3:PutObject b/k"]),
            (("PUT", "/b/k", ["uploadId", "partNumber"]), ["s3:PutObject b/k"]),
            (("POST", "/b/k", ["uploadId"]), ["s3:PutObject b/k"]),
            (("GET", "/b/k", ["uploadId"]), ["s3:ListMultipartUploadParts b/k"]),
            (("DELETE", "/b/k", ["uploadId"]), ["s3:AbortMultipartUpload b/k"]),
            (("DELETE", "/b/k"), ["s3:DeleteObject b/k"]),
            (("DELETE", "/b/k", ["versionId"]), ["s3:DeleteObjectVersion b/k"]),
            (("GET", "/b", ["list-type", "prefix", "encoding-type"]), ["s3:ListBucket b"]),
            (("GET", "/b", ["versions", "prefix"]), ["s3:ListBucketVersions b"]),
        ]:
            self.assertEqual(checks(*request), asked, request)

    def test_a_copy_reads_its_source(self):
        self.assertEqual(checks("PUT", "/b/k", x_amz_copy_source="/from/a"), ["s3:PutObject b/k", "s3:GetObject from/a"])

    def test_what_is_written_along_is_asked_for(self):
        actions = ["PutObject", "PutObjectTagging", "PutObjectAcl", "PutObjectRetention", "PutObjectLegalHold"]
        along = [f"s3:{action} b/k" for action in actions]
        headers = {
            "x_amz_tagging": "a=b", "x_amz_acl": "private", "x_amz_object_lock_mode": "GOVERNANCE",
            "x_amz_object_lock_retain_until_date": "2030-01-01", "x_amz_object_lock_legal_hold": "ON",
        }
        self.assertEqual(checks("PUT", "/b/k", **headers), along)
        self.assertEqual(checks("POST", "/b/k", ["uploads"], **headers), along)
        self.assertEqual(checks("PUT", "/b/k", x_amz_grant_read="id=1"), ["s3:PutObject b/k", "s3:PutObjectAcl b/k"])

    def test_bucket_settings(self):
        for name, (get, put) in SETTINGS.items():
            self.assertEqual(checks("GET", "/b", [name]), [f"{get} b"])
            self.assertEqual(checks("PUT", "/b", [name]), [f"{put} b"])

    def test_slashes_belong_to_the_key(self):
        self.assertEqual(checks("PUT", "/b//a//dir/"), ["s3:PutObject b//a//dir/"])

    def test_an_unknown_request_takes_an_action_that_no_policy_names(self):
        make_role(allow("s3:*"))
        for request in [("GET", "/b", ["made-up"]), ("PUT", "/b/k", ["made-up"]), ("PATCH", "/b/k")]:
            action, _ = checks(*request)[0].split(" ", 1)
            self.assertEqual(action, "unknown-to-iam_enforced.py:s3")
            self.assertEqual(judged(action, "arn:aws:s3:::b"), "denied")

    def test_a_write_carries_its_condition(self):
        context = iam_actions.s3_service_context("s3:PutObject", {}, "/b/k", {"if-none-match": "*"})
        self.assertEqual((context["s3:if-none-match"], context["s3:ObjectCreationOperation"]), ("*", "true"))
        part = iam_actions.s3_service_context("s3:PutObject", {"partNumber": ["1"], "uploadId": ["u"]}, "/b/k", {})
        self.assertEqual(part, {"s3:ObjectCreationOperation": "false"})

    def test_tables_and_their_indexes(self):
        table = "arn:aws:dynamodb:eu-west-1:000000000000:table/"
        for target, body, arns in [
            ("GetItem", {"TableName": "t"}, [f"{table}t"]),
            ("Query", {"TableName": "t", "IndexName": "gsi1"}, [f"{table}t/index/gsi1"]),
            ("BatchWriteItem", {"RequestItems": {"t": [], "u": []}}, [f"{table}t", f"{table}u"]),
        ]:
            headers = {"x-amz-target": f"DynamoDB_20120810.{target}"}
            action = iam_actions.extract_iam_action("dynamodb", "POST", "/", headers, b"", {})
            self.assertEqual(action, f"dynamodb:{target}")
            self.assertEqual(iam_actions.dynamodb_resource_arns(json.dumps(body).encode(), "eu-west-1", "000000000000"), arns)

    def test_a_refusal_is_worded_as_by_aws(self):
        user = "arn:aws:sts::000000000000:assumed-role/worker/session"
        status, _, body = iam_actions.access_denied_response("s3", "s3:GetObject", user, "1", headers={}, resource_arn=BLOB)
        self.assertEqual(status, 403)
        self.assertIn(b"<Code>AccessDenied</Code>", body)
        self.assertIn(f'is not authorized to perform: s3:GetObject on resource: "{BLOB}" because no identity-based'.encode(), body)
        headers = {"x-amz-target": "DynamoDB_20120810.GetItem"}
        denied = {"headers": headers, "resource_arn": "arn:t"}
        status, _, body = iam_actions.access_denied_response("dynamodb", "dynamodb:GetItem", user, "1", **denied)
        self.assertEqual((status, json.loads(body)["__type"]), (400, "AccessDeniedException"))
        self.assertIn("on resource: arn:t because", json.loads(body)["message"])


class Readers(unittest.TestCase):
    def setUp(self):
        s3.reset()
        s3._create_bucket("bucket", b"", {})
        tagged = {"x-amz-tagging": "a=b", "content-length": "1"}
        self.assertEqual(s3._dispatch("PUT", "bucket", "k", tagged, b"x", {})[0], 200)
        self.signed = {"authorization": "AWS4-HMAC-SHA256 Credential=ASIAWORKER/20300101/eu-west-1/s3/aws4_request"}

    def read(self, key, method="GET"):
        return s3._dispatch(method, "bucket", key, self.signed, b"", {})

    def test_who_may_not_list_is_not_told_that_nothing_is_there(self):
        make_role(allow("s3:GetObject"))
        self.assertEqual((self.read("none")[0], self.read("none", "HEAD")[0]), (403, 403))
        make_role(allow(["s3:GetObject", "s3:ListBucket"]))
        self.assertEqual((self.read("none")[0], self.read("none", "HEAD")[0]), (404, 404))

    def test_who_may_not_read_tags_is_not_told_that_there_are_some(self):
        make_role(allow("s3:GetObject"))
        self.assertNotIn("x-amz-tagging-count", self.read("k")[1])
        make_role(allow(["s3:GetObject", "s3:GetObjectTagging"]))
        self.assertEqual(self.read("k")[1]["x-amz-tagging-count"], "1")


if __name__ == "__main__":
    unittest.main()
