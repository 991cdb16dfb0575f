"""The function that every Python measurement calls, on Sluice and on the reference alike."""

import time

CALLS = 0


def main_handler(event, context):
    """Says how many calls this process has served; `hold_ms` keeps the process busy without using the processor."""
    global CALLS
    CALLS += 1
    hold_ms = event.get("hold_ms")
    if hold_ms:
        time.sleep(hold_ms / 1000)
    return {"ok": True, "call": CALLS}
