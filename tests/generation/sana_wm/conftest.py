"""As of `wan_vace`."""

from tests.generation.wan_vace.conftest import one_thread  # noqa: F401
