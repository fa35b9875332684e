"""Energy of one product at lower precision, by what may change with the precision.

Three ways to make use of a multiplier that switches less at fewer bits (Moons, Uytterhoeven,
Dehaene and Verhelst, "DVAFS: trading computational accuracy for energy through dynamic-voltage-
accuracy-frequency-scaling", 2017). With the power P = activity * C * f * V^2 of logic whose
accuracy scales (s) and of the logic around it (n)::

    DAS     P = a_s/k0 * C_s *  f    *  V^2         + a_n * C_n *  f    *  V^2
    DVAS    P = a_s/k1 * C_s *  f    * (V/k2)^2     + a_n * C_n *  f    *  V^2
    DVAFS   P = a_s/k3 * C_s * (f/N) * (V/k4)^2     + a_n * C_n * (f/N) * (V/k5)^2

- *DAS*, accuracy: the low bits of the operands are zero, the voltage stays;
- *DVAS*, voltage and accuracy: the path that is left is shorter, so that the scaled logic keeps the
  frequency at a lower voltage;
- *DVAFS*, also frequency: N subwords at a time keep the throughput at f/N, so that the voltage of
  everything falls.

The voltage at which a path takes a given time follows the alpha-power law of Sakurai and Newton
("Alpha-power law MOSFET model and its applications to CMOS inverter delay", 1990)::

    delay  ~  V / (V - V_t)^alpha

What is measured is the energy that an item switches at the nominal voltage, a*C*V^2, and the
longest path. Everything here is an estimate in ordinary floating point.
"""

from dataclasses import dataclass

__all__ = ["METHODS", "AlphaPower", "Energy", "Measured", "energy_per_product"]

METHODS = ("DAS", "DVAS", "DVAFS")


@dataclass(frozen=True)
class AlphaPower:
    """How the delay of a path depends on the supply; the defaults are assumptions, not measured.

    Parameters
    ----------
    nominal_v : supply at which everything was measured, in V
    threshold_v : threshold voltage V_t, in V, below ``nominal_v``
    alpha : saturation of carrier velocity, 2 (none) to 1 (complete)
    least_v : the lowest supply to go to, in V, above ``threshold_v``

    Raises
    ------
    ValueError
        Unless 0 <= threshold_v < least_v <= nominal_v and 1 <= alpha <= 2.
    """

    nominal_v: float = 1.1
    threshold_v: float = 0.4
    alpha: float = 1.4
    least_v: float = 0.75

    def __post_init__(self) -> None:
        if not 0 <= self.threshold_v < self.least_v <= self.nominal_v:
            raise ValueError(
                "voltages must be 0 <= threshold < least <= nominal, not"
                f" {self.threshold_v:g}, {self.least_v:g}, {self.nominal_v:g}"
            )
        if not 1 <= self.alpha <= 2:
            raise ValueError(f"alpha must be between 1 and 2, not {self.alpha:g}")

    def slowdown(self, v: float) -> float:
        """Delay at a supply of ``v`` beside that at the nominal one.

        Raises
        ------
        ValueError
            Unless ``v`` is above the threshold.
        """
        if not v > self.threshold_v:
            raise ValueError(
                f"a supply must be above the threshold of {self.threshold_v:g} V, not {v:g}"
            )

        def delay(v: float) -> float:
            return v / (v - self.threshold_v) ** self.alpha

        return delay(v) / delay(self.nominal_v)

    def voltage(self, slack: float) -> float:
        """The lowest supply at which paths take at most ``slack`` times as long; 1 is nominal.

        Bisection: delay falls with the supply.
        """
        if slack <= 1:
            return self.nominal_v
        low, high = self.least_v, self.nominal_v
        if self.slowdown(low) <= slack:
            return low
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if self.slowdown(middle) <= slack else (middle, high)
        return high


@dataclass(frozen=True)
class Measured:
    """One mode of the hardware at the nominal voltage.

    Parameters
    ----------
    products : products per item, N
    energy : what an item switches, in any unit of energy
    path : the longest path, in any unit of time
    """

    products: int
    energy: float
    path: float


@dataclass(frozen=True)
class Energy:
    """Energy of one product, in the unit of what was measured, and the supplies it needs, in V.

    ``scaled_v`` is that of the logic whose accuracy scales, ``other_v`` of the rest.
    """

    per_product: float
    scaled_v: float
    other_v: float


def energy_per_product(
    method: str, full: Measured, mode: Measured, model: AlphaPower, other_energy: float = 0.0
) -> Energy:
    """The energy of a product in ``mode`` at the throughput of ``full``.

    Parameters
    ----------
    method : ``DAS``, ``DVAS`` or ``DVAFS``
    full : the mode of one product of full width; its path is the clock period
    mode : the mode judged; one product per item unless the method is DVAFS
    other_energy : what an item switches in logic that does not scale, whose path is a whole period

    Raises
    ------
    ValueError
        The method is none, or has no way to make several products of an item.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method}")
    if method != "DVAFS" and mode.products != 1:
        raise ValueError(f"{method} makes one product of an item, not {mode.products}")
    scaled_v = other_v = model.nominal_v
    if method != "DAS":
        scaled_v = model.voltage(mode.products * full.path / mode.path)
        other_v = model.voltage(mode.products)
    scaled, other = ((v / model.nominal_v) ** 2 for v in (scaled_v, other_v))
    total = (mode.energy * scaled + other_energy * other) / mode.products
    return Energy(total, scaled_v, other_v)
