"""What the lessons are about and what can be changed in them, in the order in which they are read. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from gradviz_core.errors import QuestionError
from gradviz_core.types import controls
from gradviz_core.types.controls import Choice, Number, Option
from gradviz_core.types.lesson_cards import Lesson, Prediction, StepCard


def _seed(default: int = 0) -> Number:
    return Number("seed", "Random seed", 0, 9, 1, default, whole=True)


def _slider(number: int, default: float) -> Number:
    return Number(f"x{number}", f"x{number}", -4.0, 4.0, 0.1, default)


FIRST_WORDS = (
    "**First, some words.** Give a tensor `requires_grad=True`, and PyTorch *tracks operations* on it: it records "
    "how each result was computed, as a graph that leads back from the result to its inputs. A *leaf* is a tensor "
    "that was not created by a recorded operation, such as a parameter or an input. `loss.backward()` follows this "
    "graph backwards. For each leaf that requires a gradient it adds ∂loss/∂leaf to the leaf's `.grad`, which is "
    "None before. `torch.autograd.grad(loss, x)` returns the same gradient and leaves `.grad` unchanged."
)
"""What all lessons speak of, as Markdown; to be read before the first."""

LESSONS: tuple[Lesson, ...] = (
    Lesson(
        key="first-layer",
        title="The first layer and its input",
        before="A linear layer has ten inputs and five outputs. How do the outputs change with the inputs? A "
        "gradient belongs to a single number, and here there are five: this is where most people see their first "
        "error.",
        controls=(
            Choice(
                "activation",
                "After the layer",
                (Option("none", "Nothing"), Option("relu", "ReLU")),
                "none",
            ),
            Number("neuron", "Output neuron", 0, 4, 1, 2, whole=True),
            Number("scale", "Input times", -3.0, 3.0, 0.25, 1.0),
            _seed(),
        ),
        steps=(
            StepCard("five_outputs_at_once", "Five outputs at once", ("activation", "scale", "seed")),
            StepCard("one_neuron", "One output neuron", ("neuron", "activation", "scale", "seed")),
            StepCard("three_right_ways", "Three ways that work", ("neuron", "activation", "scale", "seed")),
            StepCard("asking_twice", "Asking again", ("activation", "scale", "seed")),
            StepCard("second_derivative", "A second derivative", ("activation", "scale", "seed")),
        ),
        prediction=Prediction(
            "Three times the input",
            "The input is multiplied by three, and no activation follows the layer. What happens to the gradient of "
            "neuron 2 with respect to the input?",
            (
                "It is multiplied by three.",
                "It is divided by three.",
                "It does not change.",
            ),
            2,
            "y[2] = W[2]·x + b[2], so ∂y[2]/∂x is W[2], which does not depend on x. A ReLU changes this only by "
            "switching neurons on and off.",
            moved=(("scale", 3.0),),
            step="one_neuron",
        ),
    ),
    Lesson(
        key="missing-gradients",
        title="My .grad is None",
        before="Before backward() runs, every .grad is None. Afterwards .grad is still None if no recorded path "
        "leads from the loss back to the tensor, if PyTorch was not asked to keep it (the tensor does not require a "
        "gradient, or it is an intermediate value), or if zero_grad() cleared it. The path can be cut in many "
        "places. A gradient of zero is different: the path exists, but the slope along it is zero.",
        controls=(
            Choice(
                "cut",
                "The network detaches",
                (Option("input", "its input"), Option("hidden", "its hidden layer"), Option("nowhere", "nothing")),
                "input",
            ),
            Choice(
                "cause",
                "Another cause",
                (
                    Option("no_grad", "torch.no_grad()"),
                    Option("integer", "A cast to integers"),
                    Option("argmax", "argmax"),
                    Option("item", ".item()"),
                    Option("new_tensor", "A new tensor built from old values"),
                    Option("frozen", "A frozen parameter"),
                    Option("before_backward", "backward() has not run"),
                    Option("zero_grad", "zero_grad() ran first"),
                    Option("unused", "An unused layer"),
                    Option("non_leaf", "Not a leaf, and no retain_grad"),
                    Option("moved", ".to(device) or .double() on a leaf"),
                    Option("saturated", "A saturated sigmoid (zero, or nearly so)"),
                    Option("dead", "A dead ReLU (zero)"),
                ),
                "no_grad",
            ),
            Number("far", "Sigmoid and ReLU: distance from zero", 1.0, 40.0, 1.0, 20.0),
            _seed(),
        ),
        steps=(
            StepCard("detached", "A cut in the graph", ("cut", "seed")),
            StepCard("written_into_a_leaf", "Writing into a leaf", ("seed",)),
            StepCard("written_into_the_callers_data", "Writing into data", ("seed",)),
            StepCard("cause", "Other causes", ("cause", "far", "seed")),
        ),
        prediction=Prediction(
            "Another cut",
            "The network now detaches its hidden layer instead of its input. Which gradients are None after "
            "loss.backward()?",
            (
                "Only that of x.",
                "Those of x and of the first layer.",
                "None of them: detach only makes a copy.",
            ),
            1,
            "Seen from the loss, nothing behind the cut can be reached: here these are x and the first layer, which "
            "computes the hidden layer. If the input is detached, it is only x, because the first layer's weight is "
            "used after the cut. Many answers on the web claim that the weight's gradient is None in that case too; "
            "the lesson shows that it is not.",
            moved=(("cut", "hidden"),),
            step="detached",
        ),
    ),
    Lesson(
        key="partial-derivatives",
        title="Partial derivatives with respect to the input",
        before="A function takes many numbers and returns one. The gradient says how much the result changes with "
        "each input while the others stay fixed. Three examples that can be worked out by hand, from a product to a "
        "small network.",
        controls=(
            *(_slider(i, value) for i, value in enumerate((1.0, -0.5, 2.0, 0.5, -1.5), start=1)),
            Choice(
                "reduction",
                "Reduction of the sigmoids",
                (Option("mean", "Mean"), Option("sum", "Sum")),
                "mean",
            ),
            _seed(),
        ),
        steps=(
            StepCard("product", "A product", ("x1", "x2", "x3", "x4", "x5")),
            StepCard("sigmoid_of_ten", "Sum or mean of sigmoids", ("x1", "x2", "x3", "x4", "x5", "reduction")),
            StepCard("small_network", "A small network", ("seed",)),
        ),
        prediction=Prediction(
            "A larger x1",
            "x1 changes from 1 to 4. What happens to the derivative of the mean of the sigmoids with respect to x1?",
            (
                "It shrinks towards zero.",
                "It is multiplied by four.",
                "It stays the same, like that of the product.",
            ),
            0,
            "The derivative of a sigmoid s is s·(1 − s); the mean of ten divides it by ten. At 4 the sigmoid is "
            "nearly 1, so it is almost flat. The product is linear: its derivative is the weight, whatever x is.",
            moved=(("x1", 4.0),),
            step="sigmoid_of_ten",
        ),
    ),
    Lesson(
        key="intermediate-values",
        title="The gradient of an intermediate value",
        before="PyTorch keeps the gradients of leaves: parameters, and inputs that require one. The gradient of an "
        "intermediate value is computed and then dropped, unless you ask for it in time.",
        controls=(
            Number("factor", "Factor after the mean", 0.5, 4.0, 0.5, 2.0),
            Number("label", "Class in the cross-entropy", 0, 9, 1, 3, whole=True),
            _seed(),
        ),
        steps=(
            StepCard("encoder_and_decoder", "Encoder and decoder", ("factor", "seed")),
            StepCard("features_under_a_loss", "Features under a loss", ("label", "seed")),
            StepCard("too_late", "Asking too late", ("factor", "seed")),
        ),
        prediction=Prediction(
            "A larger factor",
            "code = mean(features) × 2, and total is the sum of a linear decoder of code. The 2 is replaced by 4. "
            "What happens to the gradient of code?",
            (
                "It doubles.",
                "It stays the same, but that of the features doubles.",
                "It halves.",
            ),
            1,
            "Only the decoder comes after code, so the gradient of code is the column sums of the decoder's weight. "
            "The factor comes earlier, between the features and code.",
            moved=(("factor", 4.0),),
            step="encoder_and_decoder",
        ),
    ),
    Lesson(
        key="pushing-a-neuron",
        title="Pushing one hidden neuron",
        before="We want one hidden unit to be active and all others to be silent. The loss is the mean squared error "
        "to this target. The sign of its gradient says in which direction each input must change for the loss to "
        "grow. A popular answer adds ε times this sign to activate the unit. Is that the right way round? This is the "
        "first question.",
        controls=(
            Number("unit", "Hidden unit", 0, 63, 1, 10, whole=True),
            Number("epsilon", "Step size ε", 0.001, 0.05, 0.001, 0.01),
            Choice(
                "direction",
                "Direction of the step in the loss curve",
                (Option("subtract", "subtracted"), Option("add", "added")),
                "subtract",
            ),
            _seed(3),
        ),
        steps=(
            StepCard("adding_and_subtracting", "Adding or subtracting", ("unit", "epsilon", "seed")),
            StepCard("a_dead_unit", "A dead unit", ("epsilon", "seed")),
            StepCard("predicted_and_actual", "Predicted and actual", ("unit", "epsilon", "direction", "seed")),
        ),
        prediction=Prediction(
            "A larger step",
            "The step is made five times as large: ε is 0.05. How far does the dead unit of step 2 move along its "
            "own gradient?",
            (
                "Five times as far as before.",
                "It becomes active: a larger step lifts it above zero.",
                "Not at all.",
            ),
            2,
            "The gradient of a dead unit is exactly zero, the sign of zero is zero, and ε times zero is zero: the "
            "input does not change. A step made for the other units can activate it; its own gradient cannot.",
            moved=(("epsilon", 0.05),),
            step="a_dead_unit",
        ),
    ),
    Lesson(
        key="gradient-of-itself",
        title="A gradient with respect to itself",
        before="How does x change with x? Each element changes with itself and with no other. What is in x.grad is "
        "another question: it is the gradient of one number, because backward() needs one to start from. The lesson "
        "tells the two apart.",
        controls=(
            Number("size", "Number of elements of x", 2, 64, 1, 5, whole=True),
            Number("spread", "Range of x: −s to s, with s =", 0.5, 3.0, 0.5, 2.0),
            Number("power", "Power", 1, 4, 1, 2, whole=True),
        ),
        steps=(
            StepCard("ones", "x with respect to x", ("size", "spread")),
            StepCard("identity", "Its Jacobian", ("size", "spread")),
            StepCard("power_of_x", "A power of x", ("size", "spread", "power")),
            StepCard("three_ways_to_a_jacobian", "Three ways to a Jacobian", ("size", "spread")),
        ),
        prediction=Prediction(
            "The third power",
            "x has five elements. What is x.grad after (x ** 3).sum().backward()?",
            (
                "Five numbers: 3x².",
                "A 5×5 matrix with 3x² on the diagonal.",
                "Five ones, as for x * 1.",
            ),
            0,
            "The sum is one number, so its gradient has the shape of x. Its elements are the column sums of the "
            "Jacobian of x ** 3, which has 3x² on the diagonal and zeros elsewhere.",
            moved=(("power", 3.0),),
            step="power_of_x",
        ),
    ),
)


def lesson_of(key: str) -> Lesson:
    """The lesson with this key.

    Raises:
        QuestionError: there is none.
    """
    for lesson in LESSONS:
        if lesson.key == key:
            return lesson
    known = ", ".join(lesson.key for lesson in LESSONS)
    raise QuestionError(f"Unknown lesson {_short(key)}. Choose one of {known}.")


def settle(key: str, choices: Mapping[str, float | str]) -> dict[str, float | str]:
    """What every control of a lesson stands at, in their order: as chosen, or at its default. Whole numbers are int.

    Raises:
        QuestionError: there is no such lesson or control, or a control cannot take the value.
    """
    return controls.settle(lesson_of(key).controls, choices, f"The lesson {key} has no control")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
