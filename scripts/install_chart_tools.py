"""Build helm into build/tools with Go; run it as ``python scripts/install_chart_tools.py``."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HELM_MODULE = "helm.sh/helm/v3/cmd/helm@v3.22.0"
TOOLS = Path(__file__).parents[1] / "build" / "tools"


def main() -> int:
    """Build what is missing; return 1 without Go."""
    if (TOOLS / "helm").exists():
        return 0
    go = shutil.which("go")
    if go is None:
        print("helm is built with Go, and there is no Go here; install helm yourself and put it on PATH")
        return 1
    TOOLS.mkdir(parents=True, exist_ok=True)
    print(f"building {HELM_MODULE} into {TOOLS}; this takes a minute or two")
    return subprocess.run([go, "install", HELM_MODULE], env={**os.environ, "GOBIN": str(TOOLS)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
