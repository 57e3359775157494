import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tensors this small are faster without threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
