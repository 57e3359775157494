"""A folder with a session, and a command run on it."""

import json

from spatia_bridge.app import build_host
from spatia_bridge.cli.main import main
from tests.worlds import camera, look


async def seed(folder):
    """A session `hall` with one view in it."""
    host = build_host(folder)
    session = await host.open("hall", create=True)
    await session.seed([look(camera())])
    await host.close()


def run(capsys, *arguments, status=0):
    """What the command prints: parsed if it is JSON, its error's last line if it must fail."""
    found = main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert found == status, err
    if status:
        assert not out and "Traceback" not in err
        return err.strip().splitlines()[-1]
    return json.loads(out) if "--json" in arguments else out
