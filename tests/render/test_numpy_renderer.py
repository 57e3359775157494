from spatia_bridge.render.numpy_renderer import NumpyRenderer
from tests.contracts.renderer import RendererContract


class TestNumpyRenderer(RendererContract):
    def make(self) -> NumpyRenderer:
        return NumpyRenderer()
