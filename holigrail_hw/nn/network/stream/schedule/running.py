"""Cycle by cycle through a network of units, compiled where there is a compiler."""

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from holigrail_hw.core.run.compiled_library import load

from .dataflow import OUTSIDE, UNBOUNDED, Dataflow, Run
from .interpreted import interpreted

__all__ = ["run"]

_NAME, _FOLDER = "dataflow_run", Path(__file__).parent
_POINTERS = ("units", "sides", "counts", "edges", "offers", "accepts")
_RESULTS = ("first", "last", "levels", "full", "held")


class _Request(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in ("unit_count", "edge_count", "beats", "frames")),
        *((name, ctypes.c_int64) for name in ("gated", "interval", "quiet_limit")),
        *((name, ctypes.c_void_p) for name in _POINTERS),
        *((name, ctypes.c_int64) for name in ("offer_count", "accept_count")),
        *((name, ctypes.c_void_p) for name in ("emissions", "acceptances", *_RESULTS)),
        *((name, ctypes.c_int64) for name in ("taken", "first_count", "last_count")),
    )


def run(
    dataflow: Dataflow,
    frames: int,
    depths: Sequence[int] | None = None,
    *,
    interval: int = 0,
    offers: Sequence[int] = (1,),
    accepts: Sequence[int] = (1,),
    traced: bool = False,
) -> Run:
    """What happens to some frames.

    Parameters
    ----------
    depths : sequence of int
        For every edge that of its queue; 0 for a wire, ``UNBOUNDED`` (the default) without limit.
    interval : int
        Cycles from frame to frame outside, whose beats come evenly; 0: as soon as they are taken.
    offers, accepts : sequence of bool
        Cycles in which the outside offers a beat, which then stays on offer, and in which it takes
        one; repeated.
    traced : bool
        Note the cycle of every beat.
    """
    depths = [UNBOUNDED] * len(dataflow.edges) if depths is None else depths
    quiet = _quiet(dataflow, interval) + len(offers) + len(accepts)
    library = load(_NAME, _FOLDER)
    if library is None:
        return interpreted(dataflow, depths, frames, interval, offers, accepts, quiet, traced)
    return _compiled(library, dataflow, depths, frames, interval, offers, accepts, quiet, traced)


def _quiet(dataflow: Dataflow, interval: int) -> int:
    """So many cycles without any beat moved are a standstill."""
    longest = [-(-interval // dataflow.tokens)]
    longest += [flow.gap + flow.latency for flow in dataflow.flows]
    longest += [side.pace for flow in dataflow.flows for side in flow.inputs]
    return 2 * max(longest) + 2


def _compiled(
    library: ctypes.CDLL,
    dataflow: Dataflow,
    depths: Sequence[int],
    frames: int,
    interval: int,
    offers: Sequence[int],
    accepts: Sequence[int],
    quiet: int,
    traced: bool,
) -> Run:
    units, sides, counts, place = [], [], [], 0
    for flow in dataflow.flows:
        units.append((flow.outputs, flow.gap, flow.latency, len(flow.inputs)))
        for side in flow.inputs:
            sides.append((side.tokens, side.capacity, side.pace, place))
            counts += [side.need, side.free]
            place += 2 * flow.outputs
    edges = [
        (edge.producer, edge.consumer, edge.side, depth)
        for edge, depth in zip(dataflow.edges, depths, strict=True)
    ]
    many, most = len(edges), len(units)
    arrays: dict[str, np.ndarray] = {
        "units": np.array(units, np.int64),
        "sides": np.array(sides, np.int64),
        "counts": np.concatenate(counts).astype(np.int64),
        "edges": np.array(edges, np.int64),
        "offers": np.array(offers, np.uint8),
        "accepts": np.array(accepts, np.uint8),
        **{name: np.zeros(max(frames, 1), np.int64) for name in ("first", "last")},
        **{name: np.zeros(many, np.int64) for name in ("levels", "full")},
        "held": np.zeros(most, np.int64),
    }
    traces: dict[str, list[np.ndarray]] = {"emissions": [], "acceptances": []}
    if traced:
        traces["emissions"] = [_noted(flow.outputs * frames) for flow in dataflow.flows]
        traces["acceptances"] = [_noted(_beats(dataflow, at) * frames) for at in range(many)]
    places = {name: (ctypes.c_void_p * len(rows))() for name, rows in traces.items()}
    for name, rows in traces.items():
        places[name][:] = [row.ctypes.data for row in rows]
    request = _Request(
        unit_count=most,
        edge_count=many,
        beats=dataflow.tokens,
        frames=frames,
        gated=dataflow.gated,
        interval=interval,
        quiet_limit=quiet,
        offer_count=len(offers),
        accept_count=len(accepts),
        **{name: array.ctypes.data for name, array in arrays.items()},
        **{name: ctypes.addressof(found) for name, found in places.items() if traced},
    )
    function: Any = library[_NAME]
    function.restype, function.argtypes = ctypes.c_int64, [ctypes.POINTER(_Request)]
    complete = bool(function(ctypes.byref(request)))
    arrays["first"] = arrays["first"][: request.first_count]
    arrays["last"] = arrays["last"][: request.last_count]
    found = {name: tuple(arrays[name].tolist()) for name in _RESULTS}
    noted = {name: tuple(row[row >= 0].tolist() for row in rows) for name, rows in traces.items()}
    cycles = found["last"][-1] + 1 if found["last"] else 0
    return Run(complete=complete, cycles=cycles, taken=int(request.taken), **found, **noted)


def _noted(count: int) -> np.ndarray:
    return np.full(count, -1, np.int64)


def _beats(dataflow: Dataflow, at: int) -> int:
    edge = dataflow.edges[at]
    if edge.consumer == OUTSIDE:
        return 0
    return dataflow.flows[edge.consumer].inputs[edge.side].tokens
