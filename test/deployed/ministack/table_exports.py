# An export of a table is a folder of files in S3 (DynamoDB developer guide, "DynamoDB table export output format"), of tables with
# point-in-time recovery only. ministack keeps the description of an export and writes nothing. Of increments nothing is known here.
import base64
import gzip
import hashlib
import json
from datetime import datetime, timezone

from ministack.core.responses import error_response_json, json_response
from ministack.services import dynamodb, s3

_export = dynamodb._export_table_to_point_in_time
_describe = dynamodb._describe_export
_written = {}


def _md5(body):
    return base64.b64encode(hashlib.md5(body).digest())


def _put(bucket, key, body):
    status, headers, _ = s3._put_object(bucket, key, body, {})
    return (headers.get("ETag") or headers.get("etag")).strip('"') if status == 200 else None


def _export_with_files(data):
    name = dynamodb._table_name_from_arn(data.get("TableArn", ""))
    if data.get("ExportType", "FULL_EXPORT") != "FULL_EXPORT":
        return error_response_json("ValidationException", "increments are unknown to table_exports.py", 400)
    if name in dynamodb._tables and not dynamodb._pitr_settings.get(name):
        message = "Point in time recovery is not enabled for table"
        return error_response_json("PointInTimeRecoveryUnavailableException", message, 400)
    answer = _export(data)
    if answer[0] != 200:
        return answer
    described = json.loads(answer[2])["ExportDescription"]
    arn = described["ExportArn"]
    if arn not in _written:
        _written[arn] = _write(data, described, name)
    return answer


def _write(data, described, name):
    """As the table is now: what it was at another second ministack does not know."""
    bucket, export_id = data["S3Bucket"], described["ExportArn"].rsplit("/", 1)[-1]
    folder = "/".join(filter(None, [data.get("S3Prefix"), "AWSDynamoDB", export_id]))
    items = [item for by_range in dynamodb._tables[name]["items"].values() for item in by_range.values()]
    body = gzip.compress("".join(json.dumps({"Item": item}) + "\n" for item in items).encode())
    key = f"{folder}/data/{export_id}.json.gz"
    file = {"itemCount": len(items), "md5Checksum": _md5(body).decode(), "etag": _put(bucket, key, body), "dataFileS3Key": key}
    at = datetime.fromtimestamp(data.get("ExportTime", described["StartTime"]), tz=timezone.utc)
    summary = {
        "version": "2020-06-30", "exportArn": described["ExportArn"], "tableArn": described["TableArn"], "tableId": described["TableId"],
        "exportTime": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "s3Bucket": bucket, "s3Prefix": data.get("S3Prefix"),
        "itemCount": len(items), "outputFormat": "DYNAMODB_JSON", "exportType": "FULL_EXPORT",
    }
    for stem, value in (("manifest-summary", summary), ("manifest-files", file)):
        text = json.dumps(value).encode()
        _put(bucket, f"{folder}/{stem}.json", text)
        _put(bucket, f"{folder}/{stem}.md5", _md5(text))
    return {"ExportManifest": f"{folder}/manifest-summary.json", "ItemCount": len(items)}


def _describe_with_files(data):
    answer = _describe(data)
    if answer[0] != 200:
        return answer
    described = json.loads(answer[2])["ExportDescription"]
    if described["ExportStatus"] == "COMPLETED":
        described.update(_written[described["ExportArn"]])
    return json_response({"ExportDescription": described})


dynamodb._export_table_to_point_in_time = _export_with_files
dynamodb._describe_export = _describe_with_files
