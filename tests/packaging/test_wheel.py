"""The wheel holds what it must and nothing else, and works from another folder in an empty environment."""

import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (made,) = out.glob("*.whl")
    return made


def tracked(*folders):
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return {name for name in listed if (ROOT / name).is_file()}


def test_the_wheel_holds_both_packages_and_the_models_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = tracked("biomatch")
    wanted |= {name.removeprefix("synthetic/") for name in tracked("synthetic")}
    wanted |= {"biomatch/_models/" + name.removeprefix("models/") for name in tracked("models")}
    assert names == wanted


def test_the_wheel_works_from_another_folder_in_an_empty_environment(wheel, tmp_path):
    environment = tmp_path / "env"
    venv.create(environment, with_pip=False, symlinks=True)
    site = next((environment / "lib").glob("python*/site-packages"))
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    # The dependencies of the running environment, without its editable biomatch: a path file inside a
    # folder that a path file names is not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = (
        "import biomatch, biomatch_synthetic, sys; assert sys.argv[1] in biomatch.__file__;"
        "from biomatch.cli import main; main(sys.argv[2:])"
    )
    done = subprocess.run(
        [environment / "bin" / "python", "-W", "error", "-c", code, str(environment), "scenario", "list"],
        cwd=tmp_path, env=clean, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "tiny" in done.stdout.split()
    assert done.stderr == ""


def test_the_command_is_declared(wheel):
    packed = zipfile.ZipFile(wheel)
    (entry,) = [name for name in packed.namelist() if name.endswith("entry_points.txt")]
    assert "biomatch = biomatch.cli:main" in packed.read(entry).decode()


def test_the_lock_file_has_hashes_and_no_address():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    blocks = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert all(line.rstrip().endswith("\\") for line in blocks), "a package without a hash"
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {line.split("==")[0] for line in blocks}
    assert {one.split(">")[0] for one in wanted} <= names
