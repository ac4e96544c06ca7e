"""Long work in a process of its own, so that answers do not wait for it."""

import subprocess
import sys

from cuvee.serve.service import Settings

__all__ = ["start_process"]


def start_process(settings: Settings, job_id: str) -> None:
    """Start the retraining that a job stands for; the job says how far it is."""
    words = ["retrain", "--data", str(settings.data), "--job", job_id]
    words += ["--database", settings.url] if settings.url else []
    subprocess.Popen([sys.executable, "-m", "cuvee", *words], stdin=subprocess.DEVNULL, start_new_session=True)
