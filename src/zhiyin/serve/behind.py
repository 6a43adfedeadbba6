"""Work that must not take the cores from answers: a process of its own, with a lower priority."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO

__all__ = ["start_behind"]

NICER = 10


def start_behind(
    command: Sequence[str], *, out: IO[bytes], env: Mapping[str, str], pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """A process that does not hear the signals which end the service, and writes all it says to `out`.

    Its priority is lowered from outside: a function between fork and exec would copy the tables of a
    large process, and end it where the system forbids the call. There it runs as everybody does.
    """
    process = subprocess.Popen(  # noqa: S603 - our own modules, no shell
        command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
        pass_fds=pass_fds, env={**os.environ, **env},
    )  # fmt: skip
    with contextlib.suppress(OSError):
        lowest = os.getpriority(os.PRIO_PROCESS, 0) + NICER
        os.setpriority(os.PRIO_PROCESS, process.pid, lowest)
    return process
