"""The template of Python sandboxes: an interpreter with the bootstrap loaded that forks itself on demand.

The forking and all that puts a child into its sandbox is native code (`adapters/sandbox/template`): `sluice_serve`
returns in each child. Nothing of a user's ever enters this process.
"""

# Only what `bootstrap` needs itself: of the rest it must know that it is loaded ahead (see `preload`).
import gc
import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)

import bootstrap  # noqa: E402

ctypes = bootstrap.preload("ctypes")

ORDERS = 3
END, WANTED, BLANK = range(3)


def open_streams():
    """New text streams: those of the template remember what kind of file was behind their numbers."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = open(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
        setattr(sys, name, stream)
        setattr(sys, "__%s__" % name, stream)


def main():
    os.set_inheritable(ORDERS, False)
    # A library of Python's kind: it is called with the interpreter's lock held, as a fork needs it.
    library = ctypes.PyDLL(os.path.join(FOLDER, "template.so"))
    bootstrap.warm()
    gc.collect()
    gc.freeze()
    gc.disable()
    role = library.sluice_serve(ORDERS)
    if role == END:
        return
    open_streams()
    bootstrap.random.seed()
    if role == BLANK:
        # Time that nobody waits for: pages that the first request would fault in are touched now.
        bootstrap.warm()
    # Off in the template, so that its pages stay shared; functions that run for long need it.
    gc.enable()
    bootstrap.main(3)


main()
