"""What is seldom asked of a package, so that the bootstrap loads it only then: its files compiled when it is deployed, and why
its handler is not found."""

import importlib.util
import os
import warnings


def compiled(job):
    """Compiled files that are valid whatever the modification times are, each as (relative path, content)."""
    warnings.simplefilter("ignore")
    hashed = getattr(importlib.util, "source_hash", None)
    for relative in job["files"] if hashed else ():
        path = os.path.join(job["code_dir"], relative)
        try:
            with open(path, "rb") as file:
                source = file.read()
            code = compile(source, path, "exec", dont_inherit=True, optimize=0)
            content = importlib._bootstrap_external._code_to_hash_pyc(code, hashed(source), False)
            target = importlib.util.cache_from_source(relative, optimization="").encode()
        except (SyntaxError, ValueError, OSError, RecursionError, MemoryError, OverflowError):
            continue
        yield target, bytes(content)


def explain_missing(code_dir, module_path, entry):
    wanted = module_path + ".py"
    text = "Cannot find '%s', the file of handler '%s'" % (os.path.join(code_dir, wanted), entry)
    top, stem = sorted(os.listdir(code_dir)), os.path.basename(module_path)
    others = [name for name in top if name.startswith(stem + ".") and not name.startswith(stem + ".py")]
    if others:
        return "%s. The package has '%s', but a Python function needs a .py file: %s" % (text, others[0], wanted)
    folders = [name for name in top if os.path.isfile(os.path.join(code_dir, name, wanted))]
    if len(folders) == 1:
        return "%s. It is inside the folder '%s': zip the files, not the folder" % (text, folders[0])
    return "%s. The package has at its root: %s" % (text, ", ".join(top[:10]) or "nothing")
