"""The servers' logs, kept when somebody wants to read them after the cluster is gone."""

import os
import pathlib
import shutil


def keep(folder: pathlib.Path) -> None:
    """Copies the logs in `folder` to a folder of its name in $NS_DEBUG_TEST_LOGS, where set."""
    base = os.environ.get("NS_DEBUG_TEST_LOGS")
    logs = sorted(folder.glob("*.log"))
    if base and logs:
        kept = pathlib.Path(base) / folder.name
        kept.mkdir(parents=True, exist_ok=True)
        for log in logs:
            shutil.copy(log, kept)
