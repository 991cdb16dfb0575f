"""Tells which modules an instance has loaded, so that the memory baseline can load the same ones."""

import sys


def main_handler(event, context):
    return sorted(sys.modules)
