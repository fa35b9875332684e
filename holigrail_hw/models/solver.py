"""A solver of integer linear programmes that ends after so much work, not after so much time.

HiGHS asks at the same places of its search whether it is to go on, whatever the machine does
besides, so the questions are counted; its parallel parts are off. CBC counts nodes. The same
programme therefore has the same answer on a slow machine and on a fast one, with the same version
of the solver. (HiGHS counts nodes too, but ends with a status that PuLP does not know.)
"""

from typing import Any

__all__ = ["solver_of"]

# Nodes of CBC for every question of HiGHS, of which there are several in a node.
_NODES = 4


def solver_of(pulp: Any, gap: float, questions: int) -> Any:
    """HiGHS, or else CBC, through PuLP; ``None`` if there is neither.

    A solver that ends early may have found nothing: then PuLP says that it is done, and all
    variables are 0.

    Parameters
    ----------
    pulp : module
        PuLP.
    gap : float
        The relative gap that is good enough.
    questions : int
        How often HiGHS may ask.
    """
    there = pulp.listSolvers(onlyAvailable=True)
    if "HiGHS" in there:
        return _highs(pulp, gap, questions)
    for name in ("COIN_CMD", "PULP_CBC_CMD"):
        if name in there:
            return pulp.getSolver(name, msg=False, gapRel=gap, maxNodes=_NODES * questions)
    return None


def _highs(pulp: Any, gap: float, questions: int) -> Any:
    import highspy

    asked = 0

    def asks(kind: Any, message: str, seen: Any, answer: Any, data: Any) -> None:
        nonlocal asked
        asked += 1
        if asked >= questions:
            answer.user_interrupt = True

    return pulp.HiGHS(
        msg=False,
        gapRel=gap,
        parallel="off",
        callbackTuple=(asks, None),
        callbacksToActivate=[highspy.cb.HighsCallbackType.kCallbackMipInterrupt],
    )
