"""What a designer does to memory by hand, as requests of the live link."""

from collections.abc import Sequence

import numpy.typing as npt

from spatia_bridge.geometry import se3
from spatia_bridge.geometry.conventions import Convention
from spatia_bridge.link import axes
from spatia_bridge.link import messages as msg
from spatia_bridge.link.edits import insert_message
from spatia_bridge.memory.regions import Region


class EditRequests:
    """The edits of a client. Geometry is the server's (OpenCV axes, metres); each gives the revision made.

    Each raises InvalidInputError for what cannot be used, ConflictError and NotFoundError for what contradicts the scene,
    LimitExceededError for too much at once.
    """

    _convention: Convention

    async def request(self, body: msg.ClientBody, request_id: int = 0) -> msg.Done:
        """Send a request and wait for its answer."""
        raise NotImplementedError

    async def remove(self, region: Region) -> int:
        """Delete what is inside and keep it empty."""
        return await self._edit(msg.Edit(remove=self._region(region)))

    async def lock(self, region: Region) -> int:
        """Protect what is inside."""
        return await self._edit(msg.Edit(lock=self._region(region)))

    async def unlock(self, number: int) -> int:
        """Lift the lock at this 0-based place."""
        return await self._edit(msg.Edit(unlock=number))

    async def move(self, region: Region, to_from_here: se3.Array) -> int:
        """Carry what is inside elsewhere by a rigid motion (4, 4) of the world, and keep the place empty."""
        motion = axes.client_motion(to_from_here, self._convention)
        return await self._edit(msg.Edit(move=msg.Move(self._region(region), motion)))

    async def duplicate(self, region: Region, to_from_here: se3.Array) -> int:
        """Copy what is inside elsewhere by a rigid motion (4, 4) of the world."""
        motion = axes.client_motion(to_from_here, self._convention)
        return await self._edit(msg.Edit(move=msg.Move(self._region(region), motion, copy=True)))

    async def recolour(self, region: Region, rgb: tuple[int, int, int], strength: float = 1.0) -> int:
        """Mix the colours inside with an sRGB colour of 0…255 each; strength above 0, up to 1; light and dark stay."""
        red, green, blue = (int(c) for c in rgb)
        packed = red << 16 | green << 8 | blue if max(red, green, blue) < 256 and min(red, green, blue) >= 0 else 1 << 24
        return await self._edit(msg.Edit(recolour=msg.Recolour(self._region(region), packed, strength)))

    async def insert(self, points_world: npt.ArrayLike, rgb: npt.ArrayLike, diameter_m: npt.ArrayLike) -> int:
        """Put points (N, 3) metres with sRGB colours uint8 (N, 3) and diameters, one or (N,) metres, into memory."""
        return await self._edit(msg.Edit(insert=insert_message(points_world, rgb, diameter_m, self._convention)))

    async def set_scale(self, scale: float) -> int:
        """Make every length so many times as long, about the origin."""
        return await self._edit(msg.Edit(realign=msg.Realign(scale=scale)))

    async def set_down(self, down_world: Sequence[float]) -> int:
        """Turn the scene about the origin so that what points this way (3,) now points straight down."""
        return await self._edit(msg.Edit(realign=msg.Realign(down=axes.client_direction(down_world, self._convention))))

    async def measure(self, start_world: Sequence[float], end_world: Sequence[float], metres: float) -> int:
        """Set the scene to size by something known ("this door is 2.1 m"): two points (3,) and how far apart they are."""
        start, end = (axes.client_point(point, self._convention) for point in (start_world, end_world))
        return await self._edit(msg.Edit(realign=msg.Realign(ruler=msg.Ruler(start, end, metres))))

    async def undo(self) -> int:
        return (await self.request(msg.Undo())).revision

    async def redo(self) -> int:
        return (await self.request(msg.Redo())).revision

    async def _edit(self, edit: msg.Edit) -> int:
        return (await self.request(edit)).revision

    def _region(self, region: Region) -> msg.Region:
        return axes.client_region(region, self._convention)
