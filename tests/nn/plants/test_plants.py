"""Plants: their equations, the integrator, zero-order hold, margins, and networks in the loop."""

from dataclasses import replace

import numpy as np
import pytest
from model_files import shared_model

from holigrail_hw.models import IntegerGraph, ModelError, read
from holigrail_hw.models.readers.dense import DenseLayer, dense_graph
from holigrail_hw.nn.plants import PLANTS, controller, simulate, starts
from holigrail_hw.nn.plants.views import closed_loop_views
from holigrail_hw.nn.training.coefficients import coefficients
from holigrail_hw.nn.training.learning import Plan
from holigrail_hw.nn.training.retrain import retrained
from holigrail_hw.nn.training.samples import Imitation
from holigrail_hw.ui.pictures import svg_of

# (plant, state, control, derivative, observations) computed by hand from the stated equations.
EQUATIONS = [
    (
        "acc",
        (90, 32, 0.5, 11, 30, -0.25),
        -0.5,
        (32, 0.5, -5.1024, 30, -0.25, -0.59),
        (30, 1.4, 30, 79, 2),
    ),
    ("pendulum", (0.5, -1), 0.25, (-1, 2 * 0.479425538604203 + 2), (0.5, -1)),
    ("tora", (1, 2, 0.5, 3), -4, (2, 0.0479425538604203 - 1, 3, -4), (1, 2, 0.5, 3)),
    ("tora-sigmoid", (1, 2, 0.5, 3), -4, (2, 0.0479425538604203 - 1, 3, -4), (1, 2, 0.5, 3)),
    (
        "cart-pole",
        (0.1, 0.2, 0.5, -0.5),
        0.75,
        (
            0.2,
            1.5,
            -0.5,
            (0.0328 * (9.8 * 0.479425538604203 - 1.5 * 0.8775825618903728) + 0.00105) / 0.0105,
        ),
        (0.1, 0.2, 0.5, -0.5),
    ),
]


@pytest.mark.parametrize(("name", "state", "control", "slope", "seen"), EQUATIONS)
def test_equations(name, state, control, slope, seen):
    plant = PLANTS[name]
    x = np.array([state, state], float)
    found = plant.derivative(x, np.array([control, control], float))
    assert found[1] == pytest.approx(slope, rel=1e-14)
    assert plant.observe(x)[1] == pytest.approx(seen, rel=1e-15)


def test_commands():
    z = np.array([10.5])
    commands = {name: float(plant.command(z)[0]) for name, plant in PLANTS.items()}
    assert commands == {
        "acc": 10.5,
        "pendulum": 10.5,
        "tora": 0.5,
        "tora-sigmoid": 115.5,
        "cart-pole": 10.5,
    }


@pytest.mark.parametrize("name", PLANTS)
def test_plants_fit_together(name):
    plant = PLANTS[name]
    assert plant.controls * plant.steps * plant.step_s == pytest.approx(plant.horizon_s, rel=1e-12)
    assert len(plant.initial) == len(plant.states) and len(plant.region) == len(plant.observations)
    states = starts(plant, 5, seed=3)
    free = sum(high > low for low, high in plant.initial)
    assert len(states) == 2**free + 5
    assert len(np.unique(states[: 2**free], axis=0)) == 2**free
    low, high = np.array(plant.initial).T
    assert ((states >= low) & (states <= high)).all()
    assert ((states[: 2**free] == low) | (states[: 2**free] == high)).all()
    assert (starts(plant, 5, seed=3) == states).all()
    assert (starts(plant, 5, seed=4)[-5:] != states[-5:]).any()


def test_the_integrator_is_of_order_four():
    """x1'' = -x1 has a known answer; half the step has a sixteenth of the error."""
    plant = replace(PLANTS["tora"], horizon_s=2.0, command=lambda z: z)
    errors = []
    for step in (0.1, 0.05):
        run = simulate(replace(plant, step_s=step), lambda y: np.zeros(len(y)), np.eye(4)[:1])
        errors.append(abs(run.states[-1, 0, 0] - np.cos(2.0)))
    assert errors[0] < 1e-5
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.1)


def test_controls_are_held_for_a_period():
    """x4' = u: x4 moves in a straight line between two controls, and bends at them."""
    plant = replace(PLANTS["tora"], horizon_s=3.0, command=lambda z: z)
    asked = []

    def act(y):
        asked.append(y.copy())
        return np.full(len(y), [1.0, -2.0, 0.5][len(asked) - 1])

    run = simulate(plant, act, np.array([[0, 0, 0, 0], [0.1, 0, 0, 1]]))
    slopes = np.diff(run.states[:, 0, 3]) / plant.step_s
    assert slopes == pytest.approx(np.repeat([1, -2, 0.5], plant.steps), abs=1e-9)
    assert run.controls.tolist() == [[1, 1], [-2, -2], [0.5, 0.5]]
    assert len(asked) == 3 and (run.observations == np.array(asked)).all()
    assert (run.observations[1] == run.states[plant.steps]).all()


MARGINS = [
    ("acc", (90, 32, 0, 11, 30, 0), 2.5, 79 - 52),
    ("pendulum", (1.25, 0), 0.5, -0.25),
    ("pendulum", (0.25, 0), 1.0, 0.25),
    ("pendulum", (1.25, 0), 0.495, np.inf),
    ("tora", (1, -1.75, 0, 0), 0.0, 0.25),
    ("tora-sigmoid", (0.1, -0.85, 9, 9), 5.0, 0.05),
    ("tora-sigmoid", (0.1, -0.85, 9, 9), 4.995, np.inf),
    ("cart-pole", (0.0005, 9, -0.00075, 0), 8.0, 0.00025),
    ("cart-pole", (0, 9, 0, 0.003), 10.0, -0.002),
    ("cart-pole", (0, 9, 0, 0.003), 7.995, np.inf),
]


@pytest.mark.parametrize(("name", "state", "time_s", "margin"), MARGINS)
def test_margins(name, state, time_s, margin):
    found = PLANTS[name].margin(np.array([time_s]), np.array([[state]], float))
    assert found.shape == (1, 1) and found[0, 0] == pytest.approx(margin, abs=1e-12)


def test_the_worst_trajectory_is_found():
    plant = PLANTS["acc"]
    run = simulate(plant, lambda y: np.where(y[:, 4] > 0, 2.0, -4.0), starts(plant, 4, seed=2))
    margins = [
        min(plant.margin(run.times, run.states)[:, place]) for place in range(len(run.margins))
    ]
    assert run.margins.tolist() == margins
    margin, trajectory, time_s = run.worst
    assert margin == min(margins) and trajectory == int(np.argmin(margins))
    assert 0.5 < time_s < 4.5
    instant = round(time_s / plant.step_s)
    assert plant.margin(run.times, run.states)[instant, trajectory] == margin


# ACC with the controller of the benchmark, each second of the corner with the least margin.
CORNER = (90, 32, 0, 11, 30.2, 0)
DISTANCES = [79.000, 80.481, 80.746, 79.545, 76.878, 72.803]
SAFE = [52.280, 51.829, 51.115, 50.354, 49.527, 48.597]
CONTROLS = [-0.5484, -0.4921, -0.4997, -0.5469, -0.6252]


def test_the_benchmark_of_cruise_control():
    plant = PLANTS["acc"]
    states = starts(plant, 200, seed=1)
    run = simulate(plant, read(shared_model("ctl_acc_5x20.mat")), states)
    margin, trajectory, time_s = run.worst
    assert margin == pytest.approx(24.206, abs=5e-4) and time_s == 5.0
    assert tuple(states[trajectory]) == CORNER
    x = run.states[::200, trajectory]
    assert x[:, 0] - x[:, 3] == pytest.approx(DISTANCES, abs=5e-4)
    assert 10 + 1.4 * x[:, 4] == pytest.approx(SAFE, abs=5e-4)
    assert run.controls[::10, trajectory] == pytest.approx(CONTROLS, abs=5e-5)
    assert run.controls.min() == pytest.approx(-0.715, abs=2e-3)
    # This one depends on the random starts.
    assert run.controls.max() == pytest.approx(-0.252, abs=5e-3)
    assert run.states[..., 4].min() == pytest.approx(27.54, abs=5e-3)


def test_the_file_with_an_offset_is_another_controller():
    plant = PLANTS["acc"]
    run = simulate(plant, read(shared_model("ctl_acc_5x20.onnx")), starts(plant, 0, seed=1))
    assert run.worst[0] == pytest.approx(23.71, abs=5e-3)


# What sampling finds of the other benchmarks; their controllers are not ours to change.
OTHERS = [
    ("pendulum", "ctl_single_pendulum.onnx", -0.0083, 5e-5),
    ("tora", "ctl_tora_relu.mat", 0.5049, 5e-5),
    ("tora-sigmoid", "ctl_tora_sigmoid.mat", 0.02379, 5e-6),
    ("cart-pole", "ctl_cartpole_tanh.onnx", 0.000894, 5e-7),
]


@pytest.mark.parametrize(("name", "file", "margin", "within"), OTHERS)
def test_other_benchmarks(name, file, margin, within):
    run = simulate(PLANTS[name], read(shared_model(file)), starts(PLANTS[name], 0, seed=1))
    assert run.worst[0] == pytest.approx(margin, abs=within)


@pytest.fixture(scope="module")
def follower():
    """A controller of our own for the car, in real numbers: it brakes as the gap shrinks."""
    first = np.array([[0, 0, 0.5, 0.125, 0.25], [0, 0, -0.25, 0.0625, 1.0]])
    layers = [
        DenseLayer(first, np.array([-20.0, 6.0]), "Relu"),
        DenseLayer(np.array([[-0.25, 0.125]]), np.array([0.25]), "linear"),
    ]
    return dense_graph("follower", 5, layers)


@pytest.fixture(scope="module")
def rounded(follower):
    """The same in integers, hardly trained."""
    samples = Imitation(follower, PLANTS["acc"].region)
    return retrained(
        follower, samples, None, coefficients("cost-1", 8), plan=Plan(steps=2, batch=8)
    ).graph


def test_the_integer_network_in_the_loop_is_exact(follower, rounded):
    """Every control is that of the codes of what was seen, and the loop differs from the real."""
    plant = PLANTS["acc"]
    states = starts(plant, 6, seed=5)
    real, run = simulate(plant, follower, states), simulate(plant, rounded, states)
    assert isinstance(rounded, IntegerGraph)
    port = rounded.inputs[0]
    seen = run.observations.reshape(-1, 5)
    codes = np.floor(seen * 2.0 ** _fraction(port) + 0.5).astype(np.int64)
    codes = np.clip(codes, port.low, port.high)
    sums = rounded.evaluate(codes).reshape(-1)
    meaning = rounded.outputs[0].meaning
    assert meaning is not None
    step = float(meaning.factor.reshape(-1)[0])
    assert (sums * step == run.controls.reshape(-1)).all()
    assert not np.array_equal(real.controls, run.controls)
    assert np.abs(real.states - run.states).max() < 3


def _fraction(port):
    return (1 / port.meaning.factor.reshape(-1)[0]).numerator.bit_length() - 1


def test_networks_that_do_not_fit(follower):
    with pytest.raises(ModelError) as error:
        simulate(PLANTS["tora"], follower, starts(PLANTS["tora"], 0, 1))
    assert str(error.value) == "follower: the plant must have 5 observations, not 4"
    two = dense_graph("two", 2, [DenseLayer(np.eye(2), np.zeros(2), "linear")])
    with pytest.raises(ModelError) as error:
        simulate(PLANTS["pendulum"], two, starts(PLANTS["pendulum"], 0, 1))
    assert str(error.value) == "two: there must be one control, not 2"
    with pytest.raises(ModelError) as error:
        simulate(PLANTS["pendulum"], follower, np.zeros((2, 3)))
    assert str(error.value) == (
        "pendulum: states must be rows of theta, omega, not of shape (2, 3)"
    )
    several = replace(two, outputs=(two.outputs[0], two.outputs[0]))
    with pytest.raises(ModelError) as error:
        controller(several)
    assert str(error.value) == "two: a controller must have one input and one output"


@pytest.mark.parametrize("name", ["acc", "cart-pole"])
def test_pictures(name):
    """One of every state, the margins over time where they are demanded, and how they spread."""
    plant = PLANTS[name]
    states = starts(plant, 2, seed=1)
    run = simulate(plant, lambda y: np.zeros(len(y)), states)
    views = closed_loop_views({"none": run, "again": run})
    assert len(views) == len(plant.states) + 2
    times = np.array(views[0].x)
    assert times.min() >= (8 - 0.01 if name == "cart-pole" else 0) and len(times) <= 201
    assert min(views[0].lines[0].y) >= run.worst[0]
    assert all(np.isfinite(line.y).all() for line in views[0].lines)
    assert sum(views[-1].panels[0].counts) == len(states)
    assert views[2].lines[0].y[0] == states[run.worst[1], 1]
    assert all(svg_of(view).startswith("<") for view in views[:2])
