"""A clip's structure: computed once, in the world's frame, from a few of its projections and from its references."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from spatia_bridge.generation.structure.atlas import Evidence, Surface, make_surface
from spatia_bridge.generation.structure.closing import closing_surfaces
from spatia_bridge.generation.structure.planes import Kind, Plane, find_planes
from spatia_bridge.generation.structure.views import View

STOREY_SHARE = 0.1  # of the largest floor's samples: a ledge is no floor, a beam no ceiling


def find_surfaces(
    views: Sequence[View], check: Callable[[], None], pool: ThreadPoolExecutor | None = None
) -> tuple[Surface, ...]:
    """The planes that the views show, with their extents and textures; empty if there are none.

    Args:
        check: called between planes; what it raises ends the search.
        pool: shares the work out; the result is the same.
    """
    samples = tuple(view.samples() for view in views)
    check()
    planes, labels = find_planes(samples, check)
    evidence = Evidence(tuple(views), samples, labels, _storey(planes))

    def build(number: int) -> Surface | None:
        check()
        return make_surface(number, planes[number], evidence)

    built = map(build, range(len(planes))) if pool is None else pool.map(build, range(len(planes)))
    surfaces = tuple(surface for surface in built if surface is not None)
    return surfaces + closing_surfaces(surfaces, evidence)


def _storey(planes: Sequence[Plane]) -> tuple[float, float]:
    """World y of the highest ceiling and the lowest floor of some size; infinite where there is none."""
    ends = []
    for kind, pick in ((Kind.CEILING, min), (Kind.FLOOR, max)):
        most = max((plane.samples for plane in planes if plane.kind is kind), default=0)
        heights = [
            float(plane.offset_m * plane.normal_world[1])
            for plane in planes
            if plane.kind is kind and plane.samples >= STOREY_SHARE * most
        ]
        ends.append(pick(heights) if heights else (-np.inf if kind is Kind.CEILING else np.inf))
    return ends[0], ends[1]
