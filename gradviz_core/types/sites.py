"""The names of sites, and the closest one to a name that does not exist."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from gradviz_core.errors import UnknownSite
from gradviz_core.types.attention import is_attention, number_of
from gradviz_core.types.subjects import Site

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def ordinal(call: int) -> str:
    """``second`` for call 1; ``13th`` for call 12."""
    if call < len(_ORDINALS):
        return _ORDINALS[call]
    number = call + 1
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def site_name(site: Site, calls: int = 1) -> str:
    """The site in words: ``layer2.0.relu, second call``. ``calls`` is how often the module ran."""
    item = f"[{site.item}]" if site.item else ""
    if site.path.startswith(".input"):
        return f"the input{item}" if site.call == 0 else f"the {ordinal(site.call)} input{item}"
    path = site.path or "the output"
    call = f", {ordinal(site.call)} call" if calls > 1 or site.call else ""
    if is_attention(site):
        which = f"{ordinal(number)} " if (number := number_of(site)) else ""
        return f"the {which}attention weights of {site.path or 'the model'}{call}"
    return f"{path}{item}{call}"


def no_such_site(site: Site, known: Collection[Site]) -> UnknownSite:
    """The error for a site that does not exist, or never ran; it names the closest one that did."""
    same_path = [other for other in known if other.path == site.path]
    near = same_path or [
        other
        for path in get_close_matches(site.path, [s.path for s in known], n=1)
        for other in known
        if other.path == path
    ]
    hint = f" The closest that did is {site_name(near[-1])}." if near else ""
    rule = "no layer of that name ran in this forward pass."
    return UnknownSite(f"There is no site {site_name(site)!r}: {rule}{hint} Choose one that did.")
