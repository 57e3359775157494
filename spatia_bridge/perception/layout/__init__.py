"""A place from one photo without any learned weights: ground, walls, ceiling, things that stand on the ground, and sky.

    lines      straight segments of the picture
    gravity    the Manhattan frame that explains them: gravity, horizon, and the direction of the walls
    regions    sky and ground by colour, texture and position
    plan       the walls' base lines by dynamic programming over picture columns
    openings   a ceiling, and the wall above an opening
    things     what stands on the ground before the walls, as upright sheets
    surfaces   depth of each pixel's ray with all of these
    estimator  the stages in order, and what to assume where evidence is missing

Depth is analytic: a ray meets planes. So surfaces are continuous and flat by construction, and depth jumps only where one thing
stands before another.
"""

from spatia_bridge.perception.layout.estimator import LayoutConfig, LayoutEstimator

__all__ = ["LayoutConfig", "LayoutEstimator"]
