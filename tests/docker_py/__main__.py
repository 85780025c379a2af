"""Run docker-py's own integration tests for volumes, exec and containers on a private dockerd and on the embedded
engine; what passes there must pass here, but for `REASONS`.

    python -m tests.docker_py CHECKOUT

CHECKOUT is a clone of https://github.com/docker/docker-py; pytest-timeout and paramiko must be installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import docker

from tests.box import APPLETS, root_archive
from tests.docker_py.reasons import REASONS
from tests.dockerd import dockerd
from tests.own_engine import embedded

FILES = (
    "api_volume_test",
    "api_exec_test",
    "api_container_test",
    "models_containers_test",
    "models_volumes_test",
)
NAMES = ("alpine:3.10", "alpine:latest")
"""The images that the tests would pull."""


def run(checkout: Path, url: str, report: Path) -> dict[str, str]:
    """Outcomes by test: passed, failed or skipped."""
    api = docker.APIClient(base_url=url, version="auto")
    content = root_archive(f"{APPLETS} top printf date whoami", users="postgres:x:70:70::/var:/bin/sh\n")
    for name in NAMES:
        repository, tag = name.split(":")
        api.import_image_from_data(content, repository=repository, tag=tag, changes=['CMD ["/bin/sh"]'])
    files = [f"tests/integration/{name}.py" for name in FILES]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "60"]
    subprocess.run(
        [*command, "--junitxml", str(report), *files],
        cwd=checkout,
        env={**os.environ, "DOCKER_HOST": url},
        check=False,
    )
    found = {}
    for case in ET.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        bad = kinds & {"failure", "error"}
        name = f"{str(case.get('classname')).rpartition('.')[2]}.{case.get('name')}"
        found[name] = "failed" if bad else "skipped" if "skipped" in kinds else "passed"
    return found


def main() -> int:
    """Compare both; 1 where the list doesn't say what was found."""
    checkout = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="vt-", dir="/var/tmp") as name:
        folder = Path(name)
        with dockerd(folder / "d") as engine:
            theirs = run(checkout, engine.url, folder / "theirs.xml")
        with embedded(folder / "e") as own:
            ours = run(checkout, own.url, folder / "ours.xml")
    passed = {test for test, outcome in theirs.items() if outcome == "passed"}
    missing = {test for test in passed if ours[test] != "passed"}
    print(
        f"Docker passes {len(passed)} of {len(theirs)}; the embedded engine passes {len(passed - missing)} of those"
    )
    for test in sorted(missing):
        print(f"  {test}: {REASONS.get(test, 'NO REASON GIVEN')}")
    stale = sorted(test for test in REASONS if test in passed - missing or test not in theirs)
    for test in stale:
        print(f"  {test} is on the list, and passes or is gone")
    return 1 if stale or missing - REASONS.keys() else 0


if __name__ == "__main__":
    sys.exit(main())
