"""Which item of a stream comes when, as text: tiles as their sender likes, then within a tile."""

__all__ = ["item_orders"]


def item_orders(activations: str, weights: str, results: str) -> dict[str, str]:
    """The order of each stream, as ``info`` prints it.

    Each text says what an item stands for, with its axis of the product (M, K or N) in brackets,
    and which axis its fields run along.
    """
    said = {"activations": activations, "weights": weights, "results": results}
    return {f"order of {stream}": f"tile by tile, then {text}" for stream, text in said.items()}
