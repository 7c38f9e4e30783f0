"""The command itself: every command is found, and what a person can mend is one line."""

import pkgutil

import pytest

from deploy.local import cli, commands


def test_every_module_of_commands_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    for module in pkgutil.iter_modules(commands.__path__):
        assert f"\n    {module.name} " in shown


@pytest.mark.parametrize("command", ["doctor", "migrate", "up"])
def test_a_port_base_that_makes_no_sense_is_one_line(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    monkeypatch.setenv("KERYA_HOME", f"{tmp_path}/home")
    monkeypatch.setenv("KERYA_PORT_BASE", "eight thousand")
    assert cli.main([command]) == 1
    printed = capsys.readouterr()
    text = printed.out + printed.err
    assert "KERYA_PORT_BASE must be a number from 1024 to 60000, it is 'eight thousand'" in text
    assert text.count("\n") == 1
