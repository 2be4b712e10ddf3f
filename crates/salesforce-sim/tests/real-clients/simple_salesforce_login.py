"""Logs in with simple-salesforce as its users do, and prints what came of it as one line of JSON.

Argument: the keyword arguments of `Salesforce`, as JSON.
"""

import json
import sys

from simple_salesforce import Salesforce

salesforce = Salesforce(**json.loads(sys.argv[1]))
record = salesforce.query("SELECT Id, Name, IsSandbox FROM Organization")["records"][0]
print(
    json.dumps(
        {
            "Id": record["Id"],
            "Name": record["Name"],
            "IsSandbox": record["IsSandbox"],
            "instance": salesforce.sf_instance,
            "usage": salesforce.api_usage["api-usage"],
        }
    )
)
