"""What an SCNN engine costs: multipliers, the crossbar with its queues, memories."""

from .shape import ScnnShape

__all__ = ["memory_bits", "scnn_cost"]


def scnn_cost(spec: ScnnShape) -> dict[str, int]:
    """Estimated adders, one-bit adders, LUTs, flip-flops, DSP blocks and memory bits."""
    assert spec.accumulator is not None
    sums, width = spec.sums, spec.accumulator.width
    products, banks = spec.weight_lanes * spec.activation_lanes, spec.sums.banks
    product = spec.sum_of(1).width + sums.address_width
    entries = banks * spec.queue * product
    # A queue entry moves up or comes from any lane; a bank adds, and selects its address.
    luts = banks * product * min(spec.queue, products) * -(-products // 2)
    luts += 2 * entries + banks * (3 * width + 20) + 2 * width * banks // 3
    luts += products * (3 * sums.address_width + 12) + 24 * (spec.weight_lanes + 10)
    # Loading, issue of the vectors, walks over the sums and compression, as measured on an ECP5.
    luts += 1000 + 45 * banks
    flip_flops = entries + products * product + banks * (product + 64) + 600
    flip_flops += (spec.activation_lanes + 1) * (width + spec.index_width)
    total = {
        "adders": banks + 3 * products,
        "one_bit_adders": banks * width + 3 * products * sums.address_width,
        "luts": luts,
        "flip_flops": flip_flops,
        "dsps": products,
        "memory_bits": sum(memory_bits(spec).values()),
    }
    return {key: value * spec.elements for key, value in total.items()}


def memory_bits(spec: ScnnShape) -> dict[str, int]:
    """Bits of the memories of one element, by what they hold."""
    assert spec.accumulator is not None
    places = (spec.tile_width * spec.tile_height - 1).bit_length()
    taps = (spec.taps * spec.filters - 1).bit_length()
    ends = spec.activation_depth.bit_length() + 2 * spec.weight_depth.bit_length()
    return {
        "activations": spec.activation_depth
        * spec.activation_lanes
        * (spec.activation.width + places),
        "weights": 2 * spec.weight_depth * spec.weight_lanes * (spec.weight.width + taps),
        "ends of blocks": spec.channel_depth * ends,
        "sums": 2 * spec.sums.rows * spec.sums.banks * spec.accumulator.width,
    }
