"""Choices in the address: several entries of one choice, and changes that one run hears together."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from gradviz_core.types import Site
from gradviz_core.uploads.exported.layer_names import LONGEST_PATH
from pages.layout import contents
from pages.shell import address


def page() -> None:
    """A choice, and twelve options that are dropped when it changes."""
    from gradviz_core.types.controls import Number
    from pages.shell import address, asking, controls, widgets
    from pages.shell.parameters import Parameter, Parameters

    asking_for = [Parameter("method"), Parameter("options", within=("method",)), Parameter("unit", within=("options",))]
    asking_for.append(Parameter("rows"))
    address.begin(Parameters([*asking_for, Parameter("elsewhere")]), (each.name for each in asking_for))
    with asking.one_sentence():
        widgets.option("Method", "method", {"first": "First", "second": "Second"})
        names = [f"a_long_option_{number:02}" for number in range(12)]
        controls.draw("options", [Number(name, name, 0, 99, 1, 25, whole=True) for name in names])
        widgets.counter("Unit", "unit", 10, 0)
        widgets.text("Rows", "rows", "all", "Which rows.")
    address.settle()


def opened(**choices: str) -> AppTest:
    app = AppTest.from_function(page)
    app.session_state["errors_said"] = 0  # as the shell sets it
    for name, text in choices.items():
        app.query_params[name] = text
    app.run()
    assert not app.exception
    return app


def said(app: AppTest) -> dict[str, str]:
    return {name: text if isinstance(text, str) else text[0] for name, text in app.query_params.items()}


def test_an_option_falls_with_the_method_that_changed_in_the_same_run() -> None:
    app = opened()
    app.slider[0].set_value(50)
    app.button_group[0].set_value("second")
    app.run()
    assert said(app) == {"method": "second"}
    assert app.slider[0].value == 25


def test_a_number_falls_with_what_it_is_within_in_the_same_run() -> None:
    app = opened()
    app.slider[0].set_value(50)
    app.number_input[0].set_value(3)
    app.run()
    assert said(app) == {"options": "a_long_option_00=50"}
    assert app.number_input[0].value == 0


def slow_page() -> None:
    """As above; while ``slow`` is set the person clicks before it is drawn to its end."""
    import streamlit as st

    from pages.shell import address, widgets
    from pages.shell.parameters import Parameter, Parameters

    names = ("kind", "rows")
    address.begin(Parameters([Parameter(name) for name in names]), names)
    widgets.option("Kind", "kind", {"first": "First", "second": "Second"})
    if st.session_state.get("has_rows"):
        widgets.slider("Rows", "rows", range(10), 3, "How many.", unit="", width=200)
    if st.session_state.get("slow"):
        st.stop()  # as a click ends it
    address.settle()


def test_a_click_on_a_control_that_is_new_on_an_unfinished_page_counts() -> None:
    app = AppTest.from_function(slow_page)
    app.session_state["slow"] = True
    app.run()
    app.button_group[0].set_value("second").run()
    assert said(app) == {"kind": "second"}
    app.session_state["has_rows"] = True
    app.run()
    app.slider[0].set_value(7).run()
    assert said(app) == {"kind": "second", "rows": "7"}
    app.session_state["slow"] = False
    app.button_group[0].set_value("first").run()
    assert said(app) == {"kind": "first", "rows": "7"}


def test_a_control_that_an_unfinished_run_has_set_says_nothing_by_itself() -> None:
    """The browser may not have heard of it: it reports what it showed before."""
    app = AppTest.from_function(slow_page)
    app.run()
    app.session_state["slow"] = True
    app.session_state["address"].chosen["kind"] = "second"
    app.run()
    app.button_group[0].set_value("first").run()  # as the browser has it
    assert said(app) == {"kind": "second"}


def test_what_does_not_depend_on_each_other_is_kept() -> None:
    app = opened()
    app.slider[0].set_value(50)
    app.slider[11].set_value(75)
    app.run()
    assert said(app) == {"options": "a_long_option_00=50,a_long_option_11=75"}


def test_twelve_options_are_read_to_the_last_and_stay_when_one_changes() -> None:
    text = ",".join(f"a_long_option_{number:02}={number + 30}" for number in range(12))
    assert len(text) > 200
    app = opened(options=text)
    assert [slider.value for slider in app.slider] == list(range(30, 42))
    app.slider[0].set_value(50).run()
    assert said(app) == {"options": text.replace("00=30", "00=50")}


@pytest.mark.parametrize("length", [1001, 5000])
def test_options_that_are_too_long_are_an_error_and_no_other_options(length: int) -> None:
    text = "a_long_option_00=30,".ljust(length, "0")
    app = opened(options=text)
    (error,) = app.error
    assert f"'options' in the address has {length:,} characters: it may have at most 1,000." in error.value.replace(
        "\\", ""
    )
    assert not app.slider
    assert said(app) == {"options": text}
    app.button[0].click().run()
    assert not app.error
    assert said(app) == {}
    assert app.slider[0].value == 25


def test_the_address_holds_what_its_page_uses_and_nothing_else() -> None:
    app = opened(method="second", elsewhere="3", invented="4")
    assert said(app) == {"method": "second"}
    assert app.session_state["address"].chosen == {"method": "second", "elsewhere": "3"}, "for the page that uses it"
    app.button_group[0].set_value("first").run()
    assert said(app) == {"method": "first"}


def test_a_choice_that_the_page_does_not_declare_cannot_be_read() -> None:
    def reads() -> None:
        import streamlit as st

        from pages.shell import address
        from pages.shell.parameters import Parameter, Parameters

        address.begin(Parameters([Parameter("here"), Parameter("elsewhere")]), ["here"])
        try:
            address.read("elsewhere")
        except KeyError as error:
            st.text(error)

    (said,) = AppTest.from_function(reads).run().text
    assert "This page does not declare the choice 'elsewhere'" in said.value


def test_the_longest_name_of_a_layer_is_read_whole_and_a_longer_text_is_no_other_choice() -> None:
    longest = f"in_place@{Site('a' * LONGEST_PATH, 999_999)}"
    assert opened(rows=longest).text_input[0].value == longest
    text = "0," * address.LONGEST
    app = opened(rows=text)
    (error,) = app.error
    assert "Rows is too long: it may have at most 1,000 characters" in error.value.replace("\\", "")
    assert not app.text_input
    memory = address._Memory(used=frozenset(("rows",)), chosen={"rows": text})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamlit.session_state", {"address": memory})
        assert len(address.read("rows")) == address.LONGEST + 1


def test_a_step_of_the_backward_pass_falls_with_what_its_number_depends_on() -> None:
    for name in ("model", "head"):
        assert {"step", "number"} <= contents.parameters().dropped_with(name), name
