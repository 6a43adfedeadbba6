"""`python tiny_serve.py FOLDER SETTINGS`: the supervisor over the tiny app, as `zhiyin serve` runs it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from zhiyin.errors import ZhiyinError
from zhiyin.serve import supervisor as parent
from zhiyin.serve.logs import configure_logs
from zhiyin.serve.settings import ServeSettings
from zhiyin.serve.supervisor import Supervisor


def main() -> int:
    project = Path(sys.argv[1])
    if os.environ.get("PLANTED") == "lets new ones begin":
        parent.refuse_new = lambda listening: False
    supervisor = Supervisor(
        project=project,
        run=project / "run",
        settings=ServeSettings.read(json.loads(sys.argv[2])),
        announce=lambda address: print(address, flush=True),
        log=configure_logs(),
        app="tiny_app:create_app",
    )
    try:
        return supervisor.serve()
    except ZhiyinError as error:
        print(error, file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
