"""The table of docs/choosing.md is that of the record."""

from dataclasses import replace

import pytest

from benchmarks.pages import choosing
from benchmarks.pages.generated import write_blocks
from hybrid_tf.errors import HybridTFError
from hybrid_tf.pretrained.measured import read_measured


def test_the_page_shows_the_record(tmp_path):
    page = tmp_path / "choosing.md"
    page.write_bytes(choosing.PAGE.read_bytes())
    write_blocks(page, choosing.COMMAND, choosing.blocks(read_measured()))
    assert page.read_text() == choosing.PAGE.read_text()


def test_every_network_is_a_row_that_leads_to_its_card():
    text = choosing.PAGE.read_text()
    for row in read_measured().trained.files:
        kind = "int8" if "int8" in row.file else "float"
        assert (
            f"| [{row.name}](../hybrid_tf/pretrained/{row.name}/README.md) | {kind} | {100 * row.accuracy:.2f} % |"
            in text
        )


def test_what_is_not_measured_is_not_written(monkeypatch, capsys):
    measured = read_measured()
    first, *others = measured.files
    written = []
    monkeypatch.setattr(choosing, "write_measured", written.append)  # the record of the repository stays
    for values, command in (("ms", "timing"), ("instructions", "counting")):
        gap = replace(measured, files=(replace(first, **{values: {}}), *others))
        message = (
            f"1 files have no {values} ({first.name} {first.file}, ...): run `python -m benchmarks.{command}.shipped"
        )
        with pytest.raises(HybridTFError) as error:
            choosing.write_page(gap)
        assert message in str(error.value)
        before = choosing.PAGE.read_bytes()
        choosing.update(gap)
        assert written[-1] is gap and choosing.PAGE.read_bytes() == before
        assert f"the page was not written: {message}" in capsys.readouterr().err
