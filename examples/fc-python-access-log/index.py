"""Counts what an access log says: an FC event function. The event is the log's bytes as they were sent."""

import collections
import json
import re

line_of_log = None


def initialize(context):
    """Runs once per instance, before the first call."""
    global line_of_log
    line_of_log = re.compile(
        r'(?P<client>\S+) \S+ \S+ \[[^]]*\] "(?P<method>\S+) (?P<path>\S+)[^"]*" (?P<status>\d{3}) (?P<size>\d+|-)'
    )
    print("the pattern is compiled")


def handler(event, context):
    statuses, paths, clients = collections.Counter(), collections.Counter(), set()
    transferred = unread = 0
    for line in event.decode("utf-8", "replace").splitlines():
        found = line_of_log.match(line)
        if not found:
            unread += 1
            continue
        statuses[found["status"]] += 1
        paths[found["path"].split("?")[0]] += 1
        clients.add(found["client"])
        transferred += int(found["size"]) if found["size"] != "-" else 0
    print(f"read {sum(statuses.values())} lines, {unread} could not be read")
    return json.dumps(
        {
            "requests": sum(statuses.values()),
            "clients": len(clients),
            "bytes": transferred,
            "statuses": dict(statuses.most_common()),
            "most_wanted": paths.most_common(3),
            "unread": unread,
        }
    )
