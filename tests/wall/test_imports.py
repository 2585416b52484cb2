"""The first wall by import: what imitates an operational system reaches neither truth nor generator."""

import subprocess
import sys

CODE = """
import sys
import biomatch.system.run, biomatch.system.plan, biomatch.fraud.detect, biomatch.gallery
import biomatch.overstay.linkage.documents, biomatch.policy
print(sorted(name for name in sys.modules if name.startswith(("biomatch.truth", "biomatch_synthetic"))))
"""


def test_running_the_system_loads_no_truth():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
