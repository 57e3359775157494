import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Tiny tensors on several threads mostly wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
