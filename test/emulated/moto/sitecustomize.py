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
