"""A sweep: several views, one a message, that become one seed."""

from spatia_bridge.errors import InvalidInputError, LimitExceededError
from spatia_bridge.geometry.conventions import Convention
from spatia_bridge.link import messages as msg
from spatia_bridge.link.commands import SeedViews
from spatia_bridge.link.limits import MAX_SEED_BYTES, MAX_SEED_PIXELS, MAX_VIEWS_PER_SEED
from spatia_bridge.link.views import PendingView, check_view


class Sweep:
    """Collects views until the last one; bounded in views, pixels and bytes."""

    def __init__(self) -> None:
        self._views: list[PendingView] = []
        self._refused = False

    def add(self, request_id: int, seed: msg.Seed, convention: Convention) -> SeedViews | None:
        """The command once the last view is in, else None.

        Raises:
            InvalidInputError, CodecError, LimitExceededError: the view is refused, and with it the sweep: its further views
                are dropped, and the last one raises again so that its request is answered.
        """
        if self._refused:
            if seed.more:
                return None
            self._refused = False
            raise InvalidInputError("an earlier view of this sweep was refused", "send the whole sweep again")
        try:
            self._views.append(check_view(seed.view, convention))
            self._check_bounds()
        except (InvalidInputError, LimitExceededError):
            self._views.clear()
            self._refused = seed.more
            raise
        if seed.more:
            return None
        views, self._views = tuple(self._views), []
        return SeedViews(request_id, views)

    def _check_bounds(self) -> None:
        for amount, limit, unit in (
            (len(self._views), MAX_VIEWS_PER_SEED, "views"),
            (sum(view.pixels for view in self._views), MAX_SEED_PIXELS, "pixels"),
            (sum(view.size_bytes for view in self._views), MAX_SEED_BYTES, "bytes"),
        ):
            if amount > limit:
                raise LimitExceededError(f"a seed has {amount} {unit}", f"send at most {limit}; seed in several steps")
