"""`cuvee demo`: what it says, and that it goes through the one door."""

from pathlib import Path

from click.testing import CliRunner

from cuvee.cli.commands.demo import command


def test_says_what_was_written_and_what_comes_next(tmp_path: Path) -> None:
    folder = str(tmp_path / "shop")
    first = CliRunner().invoke(command, [folder, "--scale", "0.03", "--lang", "zh", "--seed", "4"])
    again = CliRunner().invoke(command, [folder, "--scale", "0.03", "--lang", "zh", "--seed", "4"])
    assert first.exit_code == again.exit_code == 0
    assert first.stdout.splitlines() == [f"wrote a demo shop into {folder}", f"next: cuvee init {folder}"]
    assert again.stdout.splitlines() == [f"{folder} already holds this demo shop", f"next: cuvee init {folder}"]


def test_refuses_a_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    outcome = CliRunner().invoke(command, [str(tmp_path)])
    assert outcome.exit_code == 1
    assert "not a demo shop" in str(outcome.exception)
    assert CliRunner().invoke(command, [str(tmp_path), "--force", "--scale", "0.03"]).exit_code == 0
