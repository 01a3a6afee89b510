"""One line below each gradient picture: whether finite differences agree with it. It appears after the picture.

A page draws its lines and ends. Then threads ask for the checks, which the compute service runs when it has nothing
else to do. The browser polls for the verdict of each line that has none yet.
"""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from dataclasses import asdict
from functools import partial

import streamlit as st

from gradviz_core.compute import client
from gradviz_core.doctor import verdicts
from gradviz_core.errors import ComputeError
from gradviz_core.serving.checks import PATH, checks, said
from gradviz_core.serving.session_cleanup import session_cleanup
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import INPUT, ProofQuestion, Site, Target
from gradviz_core.types.findings import Proof
from pages.shell import asker as whose
from pages.shell import links, newest
from pages.streamlit_private import run

FIRST_MS, LAST_MS = 250, 4_000
"""Milliseconds between two polls for a verdict: the first pause, and the longest."""
SLOWER = 1.15
"""Each pause is this many times as long as the one before."""
PENDING = "Comparing with finite differences …"
UNREACHABLE = "Not checked: the server cannot be reached."
STYLE = """
[class*="st-key-check_"] { min-height: 1.4rem; }
.gradviz-check { font-size: 0.875rem; line-height: 1.4rem; color: color-mix(in srgb, currentColor 60%, transparent); }
.gradviz-check p { display: inline; margin: 0; font-size: inherit; line-height: inherit; color: inherit; }
.gradviz-check p[hidden] { display: none; }
.gradviz-check .icon { font-family: "Material Symbols Rounded"; font-size: 1.15em; line-height: 1;
  vertical-align: -0.2em; font-feature-settings: "liga"; user-select: none; margin-right: 0.25em; }
.gradviz-check button { font: inherit; color: inherit; background: none; border: 0; padding: 0 0.25em; cursor: pointer;
  text-decoration: underline; text-underline-offset: 0.15em; }
.gradviz-check.loud { padding: 1rem; font-size: 1rem; line-height: 1.5; border-radius: var(--st-base-radius);
  color: var(--st-red-text-color); background: var(--st-red-background-color); }
"""

_HTML = """<div class="gradviz-check">
  <p role="status"><span class="icon" aria-hidden="true"></span><span class="words"></span></p>
  <button type="button" aria-expanded="false" hidden>Details</button>
  <p class="more" hidden></p>
</div>"""
_JS = """
function render({ data, parentElement }) {
  parentElement.forget?.();
  const box = parentElement.querySelector(".gradviz-check"), button = box.querySelector("button");
  const [line, more] = box.querySelectorAll("p"), known = (parentElement.known ??= {});
  let pause = data.first, failures = 0, timer = null, left = false;
  const worded = (piece) => piece.toLowerCase() !== "finite differences" ? piece
    : Object.assign(document.createElement("a"), { textContent: piece, href: data.term });
  const draw = (said) => {
    const shown = JSON.stringify(said);
    if (known.shown === shown) return;  // its details may be open, and it was read aloud
    known.shown = shown;
    box.classList.toggle("loud", said.loud);
    line.setAttribute("role", said.loud ? "alert" : "status");
    line.querySelector(".icon").textContent = said.icon;
    line.querySelector(".words").replaceChildren(...said.words.split(/(finite differences)/i).map(worded));
    more.textContent = said.more;
    more.hidden = true;
    button.hidden = !said.more;
    button.textContent = said.button ?? "Details";
    button.setAttribute("aria-expanded", "false");
  };
  button.onclick = () => {
    more.hidden = !more.hidden;
    button.setAttribute("aria-expanded", String(!more.hidden));
  };
  const quiet = (icon, words) => draw({ icon, words, more: "", loud: false });
  const look = async () => {
    const found = await fetch(data.address, { cache: "no-store", redirect: "error" })
      .then((reply) => (reply.ok ? reply.json() : null))
      .catch(() => null);
    if (left) return;
    if (found?.said) {
      Object.assign(known, { address: data.address, said: found.said });
      return draw(found.said);
    }
    if (found?.line === false) return;  // the page is being drawn anew, or is out of date
    failures = found ? 0 : failures + 1;
    if (failures > 5) quiet("remove", data.unreachable);
    pause = Math.min(pause * data.slower, data.last);
    timer = setTimeout(look, pause);
  };
  const said = data.said ?? (known.address === data.address ? known.said : null);
  if (said) draw(said);
  else {
    quiet("hourglass_empty", data.pending);
    timer = setTimeout(look, pause);
  }
  parentElement.forget = () => {
    left = true;
    clearTimeout(timer);
  };
  return parentElement.forget;
}
"""
_line = st.components.v2.component("gradviz_check", html=_HTML, js=newest.script(_JS), isolate_styles=False)


def question(model: str, image: str, target: Target, draw: int, wrt: Site = INPUT) -> ProofQuestion:
    """What is asked of the gradient of ``target`` at ``wrt``: three directions, and as few steps as settle it.
    ``draw`` is the seed of the picture."""
    return ProofQuestion(model=model, image=image, target=target, seed=draw, wrt=wrt, every_step=False)


def begin() -> None:
    """Stop checks that are running, as the person has clicked, and forget the lines. Called once in each run."""
    st.session_state["checks_drawn"] = {}
    if checks().any_asked:
        with suppress(ComputeError):  # the page is drawn all the same
            client.stop_check()


def settle() -> None:
    """The page is drawn: ask for the verdicts on its pictures."""
    session = run.session()
    checks().show(session, st.session_state["checks_drawn"], whose.here())
    _leave_when_gone(session)


def _leave_when_gone(session: str) -> None:
    session_cleanup().when_ended(session, "checks", partial(checks().leave, session))


def line(question: ProofQuestion, place: str = "") -> None:
    """The verdict on one picture's gradient, now or a moment later; ``place`` tells two lines of one question apart."""
    text = question_to_json(question)
    st.session_state["checks_drawn"][text] = question
    session = run.session()
    token, found = checks().token_for(session, question), checks().found(question)
    _leave_when_gone(session)
    name = f"{zlib.crc32(text.encode())}{place}"
    with st.container(key=f"check_{name}"):
        data = {
            "pending": PENDING,
            "unreachable": UNREACHABLE,
            "said": asdict(said(found)) if found is not None else None,
            "address": links.to(PATH, token),
            "term": links.term("finite difference"),
            "first": FIRST_MS,
            "last": LAST_MS,
            "slower": SLOWER,
        }
        _line(key=f"verdict_{name}", data=newest.stamped(f"verdict_{name}", data))


# ----------------------------------------------------------------------------------------------------- in what is kept


def words(question: ProofQuestion) -> str:
    """The verdict as it is printed on a downloaded picture."""
    found = checks().found(question)
    if found is None:
        return "The gradient is not checked by finite differences yet"
    return verdicts.in_short(found) if isinstance(found, Proof) else f"The gradient is not checked. {found}"


def receipt(question: ProofQuestion) -> str:
    """The question, the verdict and all the numbers behind it, as JSON."""
    found = checks().found(question)
    proof = {"digits": verdicts.digits(found), **asdict(found)} if isinstance(found, Proof) else None
    return json.dumps({"question": json.loads(question_to_json(question)), "line": words(question), "proof": proof})
