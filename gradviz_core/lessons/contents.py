"""What the lessons are about and what can be changed in them, in the order in which they are read. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from gradviz_core.errors import QuestionError
from gradviz_core.types import controls
from gradviz_core.types.controls import Choice, Number, Option
from gradviz_core.types.lesson_cards import Lesson, Prediction


def _seed(default: int = 0) -> Number:
    return Number("seed", "Other random numbers", 0, 9, 1, default, whole=True)


def _slider(number: int, default: float) -> Number:
    return Number(f"x{number}", f"x{number}", -4.0, 4.0, 0.1, default)


FIRST_WORDS = (
    "**First, some words.** Give a tensor `requires_grad=True`, and PyTorch *tracks operations* on it: it records what "
    "each result was computed from, as a graph that leads from the result back. A *leaf* is a tensor that no recorded "
    "operation has made, such as a parameter or an input. `loss.backward()` follows the graph back and adds, for each "
    "leaf that requires a gradient, ∂loss/∂leaf to the leaf's `.grad`, which is None until then. "
    "`torch.autograd.grad(loss, x)` returns the same gradient, and leaves `.grad` alone."
)
"""What all lessons speak of, as Markdown; to be read before the first."""

LESSONS: tuple[Lesson, ...] = (
    Lesson(
        key="first-layer",
        title="The first layer and its input",
        before="A linear layer takes ten numbers and gives five. How does what it gives change with what it takes? "
        "A gradient is asked of one number, and there are five: that is where most people meet their first error.",
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
        prediction=Prediction(
            "The input is made three times as large, and nothing follows the layer. What does the gradient of neuron 2 "
            "with respect to the input do?",
            (
                "It becomes three times as large.",
                "It becomes a third.",
                "Nothing: it stays the same.",
            ),
            2,
            "y[2] = W[2]·x + b[2], so ∂y[2]/∂x is W[2], in which x does not occur. A ReLU changes that only by "
            "switching neurons on and off.",
            moved=(("scale", 3.0),),
            step="one_neuron",
        ),
    ),
    Lesson(
        key="missing-gradients",
        title="My .grad is None",
        before="Until backward() has run, every .grad is None. After it, .grad is None wherever the loss has no "
        "recorded way back to a tensor, where PyTorch was not asked to keep it (of a tensor that wants no gradient, or "
        "of one that was computed on the way), and where zero_grad() has taken it away. The way can be cut in many "
        "places. Zero is something else: then there is a way, and it is flat.",
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
                    Option("integer", "A cast to whole numbers"),
                    Option("argmax", "argmax"),
                    Option("item", ".item()"),
                    Option("new_tensor", "A new tensor made from data"),
                    Option("frozen", "A frozen parameter"),
                    Option("before_backward", "backward() has not run"),
                    Option("zero_grad", "zero_grad() came before"),
                    Option("unused", "A layer that is not used"),
                    Option("non_leaf", "No leaf, and no retain_grad"),
                    Option("moved", ".to(device) or .double() of a leaf"),
                    Option("saturated", "A saturated sigmoid (zero, or nearly)"),
                    Option("dead", "A dead ReLU (zero)"),
                ),
                "no_grad",
            ),
            Number("far", "Sigmoid and ReLU: how far from zero", 1.0, 40.0, 1.0, 20.0),
            _seed(),
        ),
        prediction=Prediction(
            "The network detaches its hidden layer, and no longer its input. After loss.backward(), which gradients "
            "are None?",
            (
                "That of x alone.",
                "Those of x and of the first layer.",
                "None of them: detach only copies.",
            ),
            1,
            "What lies behind the cut, as seen from the loss, cannot be reached: now that is x and the first layer, "
            "whose result is the hidden layer. With the input detached it is x alone: the first layer's weight is used "
            "after that cut. Many answers say that the weight's is None there too; the lesson shows it is not.",
            moved=(("cut", "hidden"),),
            step="detached",
        ),
    ),
    Lesson(
        key="partial-derivatives",
        title="Partial derivatives with respect to the input",
        before="One number comes out, many go in: the gradient says of each how much the result changes with it, the "
        "others held still. Three examples that can be worked out by hand, from a product to a small network.",
        controls=(
            *(_slider(i, value) for i, value in enumerate((1.0, -0.5, 2.0, 0.5, -1.5), start=1)),
            Choice(
                "reduction",
                "The sigmoids' reduction",
                (Option("mean", "Mean"), Option("sum", "Sum")),
                "mean",
            ),
            _seed(),
        ),
        prediction=Prediction(
            "x1 goes from 1 to 4. What does the derivative of the sigmoids' mean with respect to it do?",
            (
                "It shrinks towards zero.",
                "It becomes four times as large.",
                "It stays the same, as that of the product does.",
            ),
            0,
            "The derivative of a sigmoid s is s·(1 − s), a tenth of which is left under the mean. At 4 the sigmoid is "
            "nearly 1, so it is nearly flat. The product is linear: its derivative is the weight, wherever x is.",
            moved=(("x1", 4.0),),
            step="sigmoid_of_ten",
        ),
    ),
    Lesson(
        key="intermediate-values",
        title="The gradient of a value in the middle",
        before="PyTorch keeps the gradients of leaves: parameters, and inputs that want one. The gradient of anything "
        "computed on the way comes by and is dropped, unless it was asked for in time.",
        controls=(
            Number("factor", "Mean over space times", 0.5, 4.0, 0.5, 2.0),
            Number("label", "Class of the cross-entropy", 0, 9, 1, 3, whole=True),
            _seed(),
        ),
        prediction=Prediction(
            "code = mean(features) × 2, and total is the sum of a linear decoder of code. The 2 becomes a 4. What does "
            "the gradient of code do?",
            (
                "It doubles.",
                "It stays the same; that of the features doubles.",
                "It halves.",
            ),
            1,
            "What comes after code is the decoder alone, so its gradient is the column sums of the decoder's weight. "
            "The factor lies before it, between the features and code.",
            moved=(("factor", 4.0),),
            step="encoder_and_decoder",
        ),
    ),
    Lesson(
        key="pushing-a-neuron",
        title="Pushing one hidden neuron",
        before="One hidden unit is to fire and the others are to be still. The mean squared error to that wish has a "
        "gradient with respect to the input, and its sign says for every input number which way the error grows. A "
        "popular answer adds ε times that sign to get the unit to fire: the sign is wrong, and the lesson shows that "
        "it must be subtracted.",
        controls=(
            Number("unit", "Hidden unit", 0, 63, 1, 10, whole=True),
            Number("epsilon", "ε, the size of the step", 0.001, 0.05, 0.001, 0.01),
            Choice(
                "direction",
                "Follow the loss as the step is",
                (Option("subtract", "subtracted"), Option("add", "added")),
                "subtract",
            ),
            _seed(3),
        ),
        prediction=Prediction(
            "The step becomes five times as large: ε is 0.05. How far does the dead unit of step 2 move by its own "
            "gradient?",
            (
                "Five times as far.",
                "It wakes up: a larger step gets it over zero.",
                "Not at all.",
            ),
            2,
            "The gradient of a dead unit is exactly zero, the sign of zero is zero, and ε times zero is zero: the "
            "input stays where it is. What pushes other units may wake it; its own gradient cannot.",
            moved=(("epsilon", 0.05),),
            step="a_dead_unit",
        ),
    ),
    Lesson(
        key="gradient-of-itself",
        title="A gradient with respect to itself",
        before="How does x change with x? Every element with itself, and with no other: that is the identity. Yet what "
        "one finds in x.grad are ones. Both are right: x.grad holds the gradient of one number, here the sum that one "
        "has to take before backward() runs at all, and the identity is the Jacobian of all elements.",
        controls=(
            Number("size", "Elements of x", 2, 64, 1, 5, whole=True),
            Number("spread", "From −s to s, where s is", 0.5, 3.0, 0.5, 2.0),
            Number("power", "Power", 1, 4, 1, 2, whole=True),
        ),
        prediction=Prediction(
            "x has five elements. (x ** 3).sum().backward() is run. What is x.grad?",
            (
                "Five numbers, 3x².",
                "Five by five, with 3x² on the diagonal.",
                "Five ones, as of x * 1.",
            ),
            0,
            "The sum is one number, so its gradient has the shape of x. Its elements are the column sums of the "
            "Jacobian of x ** 3, which has 3x² on its diagonal and zeros elsewhere.",
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
    raise QuestionError(f"There is no lesson {_short(key)}. Choose one of {known}.")


def settle(key: str, choices: Mapping[str, float | str]) -> dict[str, float | str]:
    """What every control of a lesson stands at, in their order: as chosen, or at its default. Whole numbers are int.

    Raises:
        QuestionError: there is no such lesson or control, or a control cannot take the value.
    """
    return controls.settle(lesson_of(key).controls, choices, f"The lesson {key} has no control")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
