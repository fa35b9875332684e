"""Training of a network for cheap coefficients, as a task of the operator: parameters and report.

The work itself is in :mod:`holigrail_hw.nn.training`, the loop with a plant in
:mod:`holigrail_hw.nn.plants`.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from holigrail_hw.core.array_files import ArrayFileError, read_named_arrays
from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.parameters import FileContent, GivenFile, parameter
from holigrail_hw.core.parameters.real import Real
from holigrail_hw.core.task import Outcome, Task
from holigrail_hw.core.timing import Timing
from holigrail_hw.core.views import View
from holigrail_hw.models import FloatGraph, IntegerGraph, ModelError, read_source, shipped
from holigrail_hw.models.box import ranges_of
from holigrail_hw.models.boxes import boxes
from holigrail_hw.models.passes.forms import with_forms
from holigrail_hw.nn.plants import PLANTS, Trajectories, controller, simulate, starts
from holigrail_hw.nn.plants.views import closed_loop_views
from holigrail_hw.nn.training.coefficients import coefficients
from holigrail_hw.nn.training.learning import Plan
from holigrail_hw.nn.training.number_formats import Bits
from holigrail_hw.nn.training.retrain import Retrained, retrained
from holigrail_hw.nn.training.samples import DataSet, Imitation

from .model import in_shape
from .parallel.frame import Frame
from .parallel.matrices import Search

__all__ = ["NetworkTraining"]

_MODEL = FileContent(
    (".onnx", ".tflite", ".nnet", ".mat"), lambda: {"digits-float": shipped.path("digits-float")}
)
_DATA = FileContent((".npz",), lambda: {name: shipped.data(name) for name in shipped.DATA})


@dataclass(frozen=True, kw_only=True)
class NetworkTraining(Task):
    """A model of real numbers becomes an integer graph with allowed coefficients."""

    name: ClassVar[str] = "network"

    model: GivenFile = parameter(None, "the model of real numbers to begin with", kind=_MODEL)
    coefficients: str = parameter(
        "power-of-two", "words that weights may be: power-of-two, cost-1, cost-2, any, or integers"
    )
    data: GivenFile | None = parameter(
        None, "inputs x, and their classes or outputs y", kind=_DATA, nothing="imitation"
    )
    test: GivenFile | None = parameter(
        None, "data that are judged but not trained on", kind=_DATA, nothing="data"
    )
    box: str | None = parameter(
        None, "limits of the inputs to imitate the model on, as 30,1.4,v_ego=27:31"
    )
    plant: str | None = parameter(
        None, "what the network controls, for its margin", choices=tuple(PLANTS)
    )
    starts: int = parameter(200, "trajectories beside the corners", low=0, high=1 << 20)
    weight_bits: int = parameter(8, "bits of a weight", low=2, high=16)
    input_bits: int = parameter(16, "bits of inputs", low=2, high=24)
    activation_bits: int = parameter(16, "bits of results of ReLU", low=1, high=24)
    function_bits: int = parameter(8, "bits of results of tanh and sigmoid", low=2, high=12)
    steps: int = parameter(6000, "steps of the optimiser", low=1, high=1 << 24)
    batch: int = parameter(256, "samples of a step", low=1, high=1 << 16)
    rate: float = parameter(0.1, "first learning rate, in words", kind=Real(1e-6, 100))
    penalty: float = parameter(0.0, "squared words that an adder is worth", kind=Real(0, 1e6))
    freeze_from: float = parameter(
        0.9,
        "part of the steps after which weights are frozen, one after the other",
        kind=Real(0, 1),
    )
    estimate: bool = parameter(True, "whether adders and LUTs of style parallel are counted")
    iterations: int = parameter(
        0, "repetitions of the searches for adders that are counted", low=0, high=1 << 30
    )

    def check(self) -> list[str]:
        if self.data is not None and self.box is not None:
            return ["box must be left out beside data, or the reverse"]
        if self.data is None and self.box is None and self.plant is None:
            return ["data must be given, or a box to imitate the model on, or a plant, not nothing"]
        if self.test is not None and self.data is None:
            return ["test must be left out without data"]
        return []

    @property
    def title(self) -> str:
        return f"{self.model.word}_{self.coefficients.replace('-', '_').replace(',', '_')[:40]}"

    def run(self, seed: int, progress: Callable[[str], None]) -> Outcome:
        try:
            return self._run(seed, progress)
        except ModelError as error:
            lines = [f"{self.name}: {line}" for line in error.violations]
            raise RequestError(lines, hint=error.hint) from None

    def _run(self, seed: int, progress: Callable[[str], None]) -> Outcome:
        allowed = coefficients(self.coefficients, self.weight_bits)
        model = _model(self.model)
        training, judged = self._samples(model)
        plan = Plan(
            steps=self.steps,
            batch=self.batch,
            rate=self.rate,
            penalty=self.penalty,
            freeze_from=self.freeze_from,
        )
        bits = Bits(
            input=self.input_bits, activation=self.activation_bits, function=self.function_bits
        )
        found = retrained(
            model, training, judged, allowed, bits=bits, plan=plan, seed=seed, progress=progress
        )
        facts: dict[str, Any] = {
            "model": self.model.stated,
            "coefficients": f"{self.coefficients}: {len(allowed.words)} words of"
            f" {self.weight_bits} bits",
            "seed": seed,
        } | _quality(found)
        remarks = list(found.remarks)
        runs = self._runs(model, found, seed, progress)
        for name, run in runs.items():
            unit = f" ({run.plant.unit})" if run.plant.unit else ""
            facts[f"margin, {name}{unit}"] = run.worst[0]
        if runs:
            run = next(iter(runs.values()))
            facts["margins"] = (
                f"least of {run.states.shape[1]} sampled trajectories; {run.plant.demand}"
            )
        if self.estimate:
            progress("counting the adders of the hardware")
            facts |= self._hardware(found.graph, remarks)
        views: dict[str, View] = {}
        if runs:
            views = {f"closed_loop_{i}": v for i, v in enumerate(closed_loop_views(runs))}
        files = {f"{self.title}.json": found.graph.to_json()}
        return Outcome(facts, files=files, views=views, remarks=tuple(remarks))

    def _samples(self, model: FloatGraph) -> tuple[DataSet | Imitation, DataSet | None]:
        size = int(np.prod(model.inputs[0].shape))
        names: tuple[str, ...] = ()
        if self.plant is not None:
            # What does not fit the plant shall not be found after minutes of training.
            plant = PLANTS[self.plant]
            controller(model)(plant.observe(starts(plant, 0, seed=0)))
            names = plant.observations
        if self.data is not None:
            training = _data(self.data, model)
            return training, None if self.test is None else _data(self.test, model)
        if self.box is not None:
            ranges, _ = ranges_of(self.box, size, "box", names=names, shipped=boxes())
            box = tuple((float(low), float(high)) for low, high in ranges)
            return Imitation(model, box), None
        assert self.plant is not None
        return Imitation(model, PLANTS[self.plant].region), None

    def _runs(
        self, model: FloatGraph, found: Retrained, seed: int, progress: Callable[[str], None]
    ) -> dict[str, Trajectories]:
        if self.plant is None:
            return {}
        plant = PLANTS[self.plant]
        progress(f"the loop with {plant.name}")
        states = starts(plant, self.starts, seed)
        networks = {"real numbers": model, "before": found.before, "after": found.graph}
        return {name: simulate(plant, network, states) for name, network in networks.items()}

    def _hardware(self, graph: IntegerGraph, remarks: list[str]) -> dict[str, Any]:
        """What the style parallel needs, or why it needs nothing."""
        try:
            frame = Frame(graph=with_forms(graph), search=Search(iterations=self.iterations))
            cost = frame.cost(Timing())
        except (ModelError, RequestError) as error:
            remarks.append(f"style parallel is not counted: {error}")
            return {}
        names = {"adders": "adders", "one_bit_adders": "one-bit adders", "luts": "LUTs, estimate"}
        return {f"parallel: {text}": cost[name] for name, text in names.items()}


def _model(file: GivenFile) -> FloatGraph:
    with tempfile.TemporaryDirectory(prefix="holigrail-") as folder:
        path = Path(folder, file.name)
        path.write_bytes(file.content)
        return read_source(path)


def _data(file: GivenFile, model: FloatGraph) -> DataSet:
    with tempfile.TemporaryDirectory(prefix="holigrail-") as folder:
        path = Path(folder, file.name)
        path.write_bytes(file.content)
        try:
            arrays = read_named_arrays(path)
        except ArrayFileError as error:
            found = str(error).replace(str(path), file.name)
            raise ModelError(
                f"{file.name}: data must be a readable file of NumPy, not {found}"
            ) from None
    if "x" not in arrays or "y" not in arrays:
        raise ModelError(f"{file.name}: data must have arrays x and y, not {', '.join(arrays)}")
    x = in_shape(np.asarray(arrays["x"]), model.inputs[0].shape)
    return DataSet(x.astype(np.float64), np.asarray(arrays["y"]))


def _quality(found: Retrained) -> dict[str, Any]:
    """Accuracies or errors, and adders counted column by column, before and after."""
    facts: dict[str, Any] = {}
    if found.accuracies is not None:
        for name, value in zip(("real numbers", "before", "after"), found.accuracies, strict=True):
            facts[f"accuracy, {name} (%)"] = round(100 * value, 2)
    else:
        facts["MSE before"], facts["MSE after"] = found.errors
        facts["largest error after"] = found.largest
    for name, before, after in zip(
        ("product adders", "sum adders"), found.adders_before, found.adders, strict=True
    ):
        facts[f"{name} before"], facts[f"{name} after"] = before, after
    return facts
