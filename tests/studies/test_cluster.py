"""Studies on a Dask cluster count what one process counts, also when a worker is killed on the way."""

import logging
import os
import re
import signal
import socket
import sys
from contextlib import contextmanager

import pytest

from biomatch.cli import run as cli
from biomatch.errors import ResultsError, SettingsError
from biomatch.studies.execution.cluster import on_cluster
from biomatch.studies.execution.work import Work
from biomatch.studies.rows import read_rows
from biomatch.studies.study import Suite, run_study

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")

# A scheduler of a test listens on a port that is free, not on its usual one, and has no dashboard.
QUIET = {"dashboard_address": None, "silence_logs": logging.CRITICAL}


@contextmanager
def cluster(**asked):
    with distributed.LocalCluster(threads_per_worker=1, **QUIET, **asked) as made:
        yield made


def counts(rows):
    return [dict(row.counts) for row in rows]


def test_a_cluster_counts_what_one_process_counts(suite, finished, tmp_path, capsys):
    file = tmp_path / "suite.toml"
    file.write_text(suite.canonical())
    out = tmp_path / "study"
    with cluster(n_workers=2, processes=False) as made:
        assert cli(["bench", str(file), "--out", str(out), "--cluster", made.scheduler_address]) == 0
    assert "6 runs" in capsys.readouterr().out
    assert counts(read_rows(out)) == counts(read_rows(finished[0]))
    assert [p.name for p in (out / "points").iterdir()] == [
        p.name for p in (finished[0] / "points").iterdir()
    ]


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_run_and_changes_none(suite, tmp_path):
    larger = Suite.from_mapping(suite.model_dump(mode="json") | {"seeds": list(range(10, 20))})
    killed = []
    with cluster(n_workers=2, processes=True) as made:

        def kill_one(stage, done, total):
            if done == 4 and not killed:
                killed.append(next(iter(made.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        rows = run_study(larger, tmp_path / "cluster", cluster=made.scheduler_address, progress=kill_one)
    assert killed
    assert len(rows) == 30
    assert counts(rows) == counts(run_study(larger, tmp_path / "one"))
    assert counts(rows) == counts(run_study(larger, tmp_path / "two", workers=2))


def _die(job, prepared):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_run_that_kills_its_workers_is_named_not_repeated_for_ever():
    work = Work(key=str, prepare=str, do=_die, known=lambda key: "known", keep=lambda key, value: None)
    with cluster(n_workers=2, processes=True) as made, pytest.raises(ResultsError, match="lost every worker"):
        list(on_cluster(work, [1], made.scheduler_address))


def test_no_scheduler_is_one_line(suite, tmp_path, monkeypatch):
    monkeypatch.setattr("biomatch.studies.execution.cluster.PATIENCE_SECONDS", 0.5)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: whoever calls is refused
        address = f"tcp://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(SettingsError, match=re.escape(address)) as refused:
            run_study(suite, tmp_path, cluster=address)
    assert "dask scheduler" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_without_the_extra_it_is_named(suite, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SettingsError, match=r"biomatch\[dask\]"):
        run_study(suite, tmp_path, cluster="tcp://127.0.0.1:1")


def test_workers_and_a_cluster_are_too_much(suite, tmp_path):
    with pytest.raises(SettingsError, match="a cluster has its own workers"):
        run_study(suite, tmp_path, workers=2, cluster="tcp://127.0.0.1:1")
