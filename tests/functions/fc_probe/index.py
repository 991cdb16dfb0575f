"""The FC twin of scf_probe: the event arrives as bytes, the context as an object."""

import ctypes
import json
import logging
import os
import sys
import time
import uuid

INSTANCE = uuid.uuid4().hex
calls = 0
initialised = 0


def initialize(context):
    global initialised
    seconds = float(os.environ.get("INIT_SLEEP", "0"))
    if os.environ.get("INIT_FAIL"):
        raise RuntimeError("the initializer failed on purpose")
    time.sleep(seconds)
    initialised += 1
    print("initializer ran")


def handler(event, context):
    global calls
    calls += 1
    order = json.loads(event or b"{}")
    if "mark" in order:
        ctypes.CDLL(None).prctl(15, order["mark"].encode(), 0, 0, 0)
    return globals()["do_" + order.get("do", "who")](order, event, context)


def do_who(order, event, context):
    return json.dumps({"instance": INSTANCE, "calls": calls, "initialised": initialised, "pid": os.getpid()})


def do_event(order, event, context):
    return json.dumps({"type": type(event).__name__, "text": event.decode()})


def do_context(order, event, context):
    credentials, function, service = context.credentials, context.function, context.service
    return json.dumps(
        {
            "request_id": context.request_id,
            "requestId": context.requestId,
            "region": context.region,
            "account_id": context.account_id,
            "credentials": [credentials.access_key_id, credentials.access_key_secret, credentials.security_token],
            "function": {
                "name": function.name,
                "handler": function.handler,
                "memory": function.memory,
                "timeout": function.timeout,
            },
            "service": {"name": service.name, "qualifier": service.qualifier, "version_id": service.version_id},
        }
    )


def do_bytes(order, event, context):
    return bytes(range(256))


def do_none(order, event, context):
    return None


def do_number(order, event, context):
    return 42


def do_object(order, event, context):
    return {"as": "json"}


def do_length(order, event, context):
    return str(len(event))


def do_text(order, event, context):
    return "a" * order["length"]


def do_sleep(order, event, context):
    time.sleep(order["seconds"])
    return do_who(order, event, context)


def do_raise(order, event, context):
    raise RuntimeError(order.get("message", "deliberate failure"))


def do_exit(order, event, context):
    os._exit(1)


def do_allocate(order, event, context):
    held = bytearray(order["mib"] << 20)
    held[::4096] = b"x" * len(held[::4096])
    return str(len(held))


def do_print(order, event, context):
    for line in order["lines"]:
        print(line)
    logging.getLogger().info("through logging")
    return "printed"


def do_env(order, event, context):
    return json.dumps(dict(os.environ))


def do_paths(order, event, context):
    def refusal(path):
        try:
            with open(path, "w"):
                return None
        except OSError as error:
            return error.errno

    return json.dumps(
        {"cwd": os.getcwd(), "file": __file__, "python": sys.path, "code": refusal("/code/x"), "tmp": refusal("/tmp/x")}
    )


def do_fetch(order, event, context):
    import urllib.request

    try:
        with urllib.request.urlopen(order["url"], timeout=order.get("timeout", 3)) as answer:
            return json.dumps({"body": answer.read().decode()})
    except OSError as error:
        return json.dumps({"error": str(error)})
