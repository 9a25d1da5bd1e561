"""What iam_enforced_test.py says of how to run it holds for this too."""
import json
import unittest

from iam_enforced_test import ROLE, allow, make_role

import iam_of_services
from ministack import app  # noqa: F401: ministack's modules ask it whether IAM counts
from ministack.services import cloudwatch, cloudwatch_logs, eventbridge, iam, lambda_svc, sns, stepfunctions
from ministack.services.cloudformation import provisioners

MACHINE = "arn:aws:states:eu-west-1:000000000000:stateMachine:backup"
VERIFY = "arn:aws:states:eu-west-1:000000000000:stateMachine:verify"
SYNC = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "Parameters": {"StateMachineArn": VERIFY}, "End": True}
LOGS = allow("logs:*")


class Services(unittest.TestCase):
    def test_a_role_must_trust_the_service(self):
        schedule = {"Target": {"RoleArn": ROLE}}
        make_role(trusted="scheduler.amazonaws.com", condition={"StringEquals": {"aws:SourceAccount": "000000000000"}})
        self.assertIsNone(iam_of_services._schedule_problem(schedule))
        make_role(trusted="scheduler.amazonaws.com", condition={"StringEquals": {"aws:SourceAccount": "111111111111"}})
        self.assertIn("must allow AWS EventBridge Scheduler", iam_of_services._schedule_problem(schedule))
        make_role(trusted="states.amazonaws.com")
        self.assertIn("cannot be assumed by Lambda", iam_of_services._lambda_problem({"Role": ROLE}))
        iam._roles.pop("worker")
        self.assertIn("cannot be assumed by Lambda", iam_of_services._lambda_problem({"Role": ROLE}))

    def test_a_traced_function_needs_xray(self):
        traced = {"Role": ROLE, "TracingConfig": {"Mode": "Active"}}
        make_role()
        self.assertIn("XRAY", iam_of_services._lambda_problem(traced))
        make_role(allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords"]))
        self.assertIsNone(iam_of_services._lambda_problem(traced))

    def test_a_machine_needs_its_logs_and_to_hear_of_its_children(self):
        definition = {"StartAt": "V", "States": {"V": SYNC}}
        machine = {"RoleArn": ROLE, "LoggingConfiguration": {"Level": "ERROR"}, "DefinitionString": json.dumps(definition)}
        make_role(trusted="states.amazonaws.com")
        self.assertIn("not authorized to access the Log Destination", iam_of_services._machine_problem(machine))
        make_role(LOGS, trusted="states.amazonaws.com")
        self.assertIn("not authorized to create managed-rule", iam_of_services._machine_problem(machine))
        make_role(LOGS, allow("events:*"), trusted="states.amazonaws.com")
        self.assertIsNone(iam_of_services._machine_problem(machine))

    def test_deployment_fails_with_the_problem(self):
        make_role(trusted="states.amazonaws.com")
        handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
        with self.assertRaisesRegex(ValueError, "cannot be assumed by Lambda"):
            handlers["create"]("Worker", {"Role": ROLE}, "stack")
        with self.assertRaisesRegex(ValueError, "cannot be assumed by Lambda"):
            handlers["update"]("worker", {"Role": "arn:before"}, {"Role": ROLE}, "stack", "Worker")

    def run_state(self, state):
        """The error that the state ends with, in a child of a Distributed Map."""
        stepfunctions._state_machines[MACHINE] = {"stateMachineArn": MACHINE, "name": "backup", "roleArn": ROLE}
        execution = {"stateMachineArn": f"{MACHINE}/label", "executionArn": "e", "events": []}
        ctx = {"StateMachine": {"Id": MACHINE}, "State": {"Name": "S"}}
        execute = stepfunctions._execute_task if state["Type"] == "Task" else stepfunctions._execute_map
        with self.assertRaises(stepfunctions._ExecutionError) as caught:
            execute(state, {}, execution, ctx)
        return f"{caught.exception.error}: {caught.exception.cause}"

    def test_a_machine_starts_children_as_its_role_allows(self):
        make_role()
        self.assertRegex(self.run_state(SYNC), "^StepFunctions.AWSStepFunctionsException: .*states:StartExecution on resource: .*:verify ")
        make_role(allow("states:StartExecution", VERIFY))
        self.assertRegex(self.run_state(SYNC), "^StepFunctions.AWSStepFunctionsException: .*states:DescribeExecution")
        follow = allow(["states:DescribeExecution", "states:StopExecution"], VERIFY.replace(":stateMachine:", ":execution:") + ":*")
        make_role(allow("states:StartExecution", VERIFY), follow)
        self.assertRegex(self.run_state(SYNC), "^StateMachineDoesNotExist")

    def test_a_child_that_nobody_waits_for_takes_a_grant_too(self):
        make_role(allow("states:StartExecution", MACHINE))
        task = {**SYNC, "Resource": "arn:aws:states:::states:startExecution"}
        self.assertRegex(self.run_state(task), "^StepFunctions.AWSStepFunctionsException: .*states:StartExecution")

    def test_a_machine_invokes_functions_as_its_role_allows(self):
        function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:work"
        config = {"FunctionName": "work", "FunctionArn": function_arn, "Role": ROLE}
        lambda_svc._functions["work"] = {"config": config, "versions": {}, "aliases": {}}
        make_role(allow("lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:000000000000:function:other"))
        task = {"Type": "Task", "Resource": function_arn, "End": True}
        self.assertRegex(self.run_state(task), "^Lambda.AWSLambdaException: .*lambda:InvokeFunction on resource: .*:work ")

    def test_a_distributed_map_starts_itself_and_reads_its_list(self):
        reader = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "work", "Key": "lists/1"}}
        processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED"}, "StartAt": "P", "States": {"P": {"Type": "Succeed"}}}
        state = {"Type": "Map", "ItemReader": reader, "ItemProcessor": processor, "End": True}
        make_role(allow("s3:GetObject"))
        self.assertRegex(self.run_state(state), "^States.Permissions: .*states:StartExecution")
        make_role(allow("states:StartExecution", MACHINE))
        self.assertRegex(self.run_state(state), "^States.ItemReaderFailed: .*s3:GetObject on resource: arn:aws:s3:::work/lists/1 ")

    def test_a_task_of_another_kind_is_refused(self):
        make_role(allow("*"))
        task = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": True}
        self.assertRegex(self.run_state(task), "^EmulatorCannotJudge: ")

    def test_a_schedule_starts_what_its_role_allows(self):
        dispatched = []
        original, eventbridge._dispatch_to_stepfunctions = eventbridge._dispatch_to_stepfunctions, lambda arn, _: dispatched.append(arn)
        self.addCleanup(setattr, eventbridge, "_dispatch_to_stepfunctions", original)
        event = {"Source": "aws.scheduler", "Time": 0, "Detail": "{}", "Account": "0", "Region": "eu-west-1"}
        fire = lambda: eventbridge._invoke_target({"Arn": MACHINE, "RoleArn": ROLE, "Input": "{}"}, event, {"Name": "daily"})
        make_role(allow("states:StartExecution", VERIFY))
        fire()
        self.assertEqual(dispatched, [])
        make_role(allow("states:StartExecution", MACHINE))
        fire()
        self.assertEqual(dispatched, [MACHINE])

    def test_a_function_logs_where_its_role_allows(self):
        config = {"FunctionName": "work", "FunctionArn": "arn:f", "Role": ROLE}
        for group, streams in [("other", 0), ("work", 1)]:
            cloudwatch_logs.reset()
            resource = f"arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/{group}:*"
            make_role(allow(["logs:CreateLogStream", "logs:PutLogEvents"], resource))
            lambda_svc._emit_lambda_logs({"config": config}, "1", "hello", False, 1)
            self.assertEqual(len(cloudwatch_logs._log_groups.get("/aws/lambda/work", {}).get("streams", {})), streams)

    def test_an_alarm_publishes_where_the_topic_lets_it(self):
        published = []
        original, sns._fanout = sns._fanout, lambda arn, *_: published.append(arn)
        self.addCleanup(setattr, sns, "_fanout", original)
        topic_arn = "arn:aws:sns:eu-west-1:000000000000:alarms"
        alarm = {"AlarmName": "a", "AlarmArn": "arn:aws:cloudwatch:eu-west-1:000000000000:alarm:a", "AlarmActions": [topic_arn]}
        for account, topics in [("111111111111", []), ("000000000000", [topic_arn])]:
            grant = allow("sns:Publish", topic_arn, Principal={"Service": "cloudwatch.amazonaws.com"})
            condition = {"StringEquals": {"aws:SourceAccount": account}}
            policy = json.dumps({"Statement": [{**grant, "Condition": condition}]})
            sns._topics[topic_arn] = {"arn": topic_arn, "name": "alarms", "attributes": {"Policy": policy}}
            cloudwatch._dispatch_alarm_actions(alarm, "OK", "ALARM", "why")
            self.assertEqual(published, topics)


if __name__ == "__main__":
    unittest.main()
