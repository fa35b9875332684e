"""Arguments of the functions in run_loop.hh, whose layout this is."""

import ctypes

import numpy as np

__all__ = ["Run", "Stream", "pointer", "size"]


class Stream(ctypes.Structure):
    _fields_ = [
        ("items", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
        ("wanted", ctypes.c_uint64),
        ("pause", ctypes.c_void_p),
        ("moved", ctypes.c_uint64),
    ]


class Run(ctypes.Structure):
    _fields_ = [
        ("streams", ctypes.POINTER(Stream)),
        ("pattern", ctypes.c_uint64),
        ("cycle_limit", ctypes.c_uint64),
        ("quiet_limit", ctypes.c_uint64),
        ("drain", ctypes.c_uint64),
        ("paired", ctypes.c_uint64),
        ("rules", ctypes.c_uint64),
        ("open", ctypes.c_uint64),
        ("cycles", ctypes.c_uint64),
        ("violation", ctypes.c_uint64),
        ("violation_cycle", ctypes.c_uint64),
        ("violation_stream", ctypes.c_uint64),
    ]


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def size(value: int) -> ctypes.c_uint64:
    return ctypes.c_uint64(value)
