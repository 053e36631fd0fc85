"""Runs one jq program in a process of its own: `python -I confined.py`, jq and the library only.

stdin is `{"program": …, "text": …}`, stdout `{"kinds": …}` or `{"error": …}`. The kernel ends it
after CPU_SECONDS of work or beyond MEMORY_BYTES. It is a file to run, not a module to import.
"""

import json
import resource
import sys

import jq

CPU_SECONDS = 2
MEMORY_BYTES = 512 << 20


def main() -> None:
    """Answer once."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = json.load(sys.stdin)
    try:
        said = {"kinds": jq.compile(asked["program"]).input_text(asked["text"]).first()}
    except (ValueError, StopIteration) as error:
        said = {"error": str(error)}
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
