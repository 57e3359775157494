"""Loaded once; out of memory is said in words."""

import threading

import pytest

from spatia_bridge.errors import DeviceMemoryError
from spatia_bridge.models.shared import device_memory, forget, shared


def test_threads_that_ask_at_once_load_once():
    loads = []
    ready = threading.Barrier(4)

    def load():
        loads.append(1)
        return object()

    def ask(found):
        ready.wait()
        found.append(shared("test-once", load))

    found: list[object] = []
    threads = [threading.Thread(target=ask, args=(found,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1 and len({id(each) for each in found}) == 1
    forget("test-once")
    assert shared("test-once", load) is not found[0]
    forget("test-once")


def test_a_failure_to_load_is_not_remembered():
    with pytest.raises(ZeroDivisionError):
        shared("test-failure", lambda: 1 / 0)
    assert shared("test-failure", lambda: 2) == 2
    forget("test-failure")


def test_only_memory_errors_are_translated_and_what_they_held_is_freed():
    import weakref

    class Tensor:
        pass

    freed = []

    def work():
        tensor = Tensor()
        freed.append(weakref.ref(tensor))
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
        )

    with pytest.raises(DeviceMemoryError, match="smaller frames") as raised, device_memory("the clip", lambda: "smaller frames"):
        work()
    assert "9 bytes" in raised.value.message and freed[0]() is None
    with pytest.raises(RuntimeError, match="other"), device_memory("the clip", lambda: ""):
        raise RuntimeError("some other trouble")
