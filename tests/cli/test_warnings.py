"""What linkage does not believe reaches whoever runs it: standard error, JSON, the run, the report."""

import dataclasses

from biomatch.system import stays
from biomatch.system.run import Run

TEXT = "the share of exits is not to be believed"


def test_a_warning_of_linkage_is_printed_and_kept(call, flow, tmp_path, monkeypatch):
    system = tmp_path / "linked.toml"
    system.write_text('name = "linked"\n[linkage]\nmethod = "optimum"\n', encoding="utf-8")
    words = ["search", flow / "w1", "--system", system, "--out", tmp_path / "lists"]
    assert call(*words).code == 0
    words = ["tune", tmp_path / "lists", flow / "w1", "--max-fpir", 0.05, "--out", tmp_path / "point"]
    assert call(*words).code == 0
    quiet = call("run", flow / "w2", "--at", tmp_path / "point", "--out", tmp_path / "quiet", "--json")
    assert quiet.json["warnings"] == []
    assert "warning" not in quiet.err
    assert Run.read(tmp_path / "quiet").warnings == ()

    link = stays.link
    monkeypatch.setattr(stays, "link", lambda *a, **k: dataclasses.replace(link(*a, **k), warnings=(TEXT,)))
    loud = call("run", flow / "w2", "--at", tmp_path / "point", "--out", tmp_path / "loud", "--json")
    assert loud.code == 0
    assert "warning: stays as of " in loud.err
    assert loud.err.count(TEXT) == 1
    assert [text.endswith(TEXT) for text in loud.json["warnings"]] == [True]
    assert list(Run.read(tmp_path / "loud").warnings) == loud.json["warnings"]
    assert call("evaluate", tmp_path / "loud", flow / "w2", "--out", tmp_path / "result").code == 0
    assert call("report", tmp_path / "result", "--out", tmp_path / "report.html").code == 0
    assert TEXT in (tmp_path / "report.html").read_text(encoding="utf-8")
